"""What emotion2vec's ``config.yaml`` says, read into plain numbers; nothing in it is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from paralbench.errors import WeightsError
from paralbench.upstreams.convolution_lists import Convolutions, convolutions

# What the network here assumes, where a configuration says it. No published checkpoint differs.
_ASSUMED = {
    "layer_norm_first": False,
    "norm_affine": True,
    "modalities.audio.type": "AUDIO",
    "modalities.audio.extractor_mode": "layer_norm",
    "modalities.audio.conv_pos_pre_ln": False,
    "modalities.audio.use_alibi_encoder": True,
    "modalities.audio.learned_alibi": False,
    "modalities.audio.learned_alibi_scale_per_layer": False,
}


@dataclass(frozen=True)
class Settings:
    """The sizes of an emotion2vec network.

    Attributes:
        convolutions: channels, kernel and stride of each convolution over samples.
        dim: width of the transformer.
        heads: of its attention.
        hidden: width inside its feed-forward layers.
        prenet: blocks of the audio encoder, before the main ones.
        depth: main blocks.
        extra_tokens: learned tokens before the frames.
        positions: number, kernel and groups of the positional convolutions.
        scale_per_head: whether the linear attention bias is scaled for each head by itself.
        epsilon: of the blocks' LayerNorms.
        normalize: whether waveforms are brought to zero mean and unit variance.
    """

    convolutions: Convolutions
    dim: int
    heads: int
    hidden: int
    prenet: int
    depth: int
    extra_tokens: int
    positions: tuple[int, int, int]
    scale_per_head: bool
    epsilon: float
    normalize: bool

    @classmethod
    def read(cls, given: Mapping[str, Any], where: Path | str) -> Self:
        """Settings from the configuration's ``model_conf``, or a card's ``architecture``.

        Raises:
            WeightsError: a key is missing, of another kind, or of a variant not supported here.
        """
        conf = flat(given)
        for name, expected in _ASSUMED.items():
            if conf.get(name, expected) != expected:
                raise WeightsError(
                    f"{where}: {name}: {conf[name]!r} is not supported; only {expected!r}."
                )

        def whole(name: str, least: int = 1) -> int:
            value = conf.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise WeightsError(
                    f"{where}: {name}: {value!r} is not allowed: a whole number from {least}."
                )
            return value

        def number(name: str) -> float:
            try:
                return float(conf[name])
            except (KeyError, TypeError, ValueError):
                raise WeightsError(
                    f"{where}: {name}: {conf.get(name)!r} is not allowed: a number."
                ) from None

        audio = "modalities.audio"
        dim, heads = whole("embed_dim"), whole("num_heads")
        if dim % heads or conf.get(f"{audio}.num_alibi_heads", heads) != heads:
            raise WeightsError(
                f"{where}: num_heads: {heads} is not allowed: it must divide embed_dim ({dim}) and "
                f"equal {audio}.num_alibi_heads."
            )
        layers, width = whole(f"{audio}.conv_pos_depth"), whole(f"{audio}.conv_pos_width")
        spec = f"{audio}.feature_encoder_spec"
        return cls(
            convolutions=convolutions(str(conf.get(spec)), f"{where}: {spec}"),
            dim=dim,
            heads=heads,
            hidden=int(dim * number("mlp_ratio")),
            prenet=whole(f"{audio}.prenet_depth", 0),
            depth=whole("depth"),
            extra_tokens=whole(f"{audio}.num_extra_tokens", 0),
            positions=(layers, max(3, width // layers), whole(f"{audio}.conv_pos_groups")),
            scale_per_head=bool(conf.get(f"{audio}.learned_alibi_scale_per_head")),
            epsilon=number("norm_eps"),
            normalize=bool(conf.get("normalize")),
        )


def flat(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one level, with dots between the names."""
    result = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result
