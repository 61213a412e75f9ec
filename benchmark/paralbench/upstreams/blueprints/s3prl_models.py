"""Blueprints of the models that s3prl holds, saved as fairseq, s3prl or their authors do."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.upstreams.found import names_of
from paralbench.upstreams.s3prl_family import model_of

if TYPE_CHECKING:
    from torch import nn

FILE = "checkpoint.pt"  # where a card's sources name none


@dataclass(frozen=True)
class Model:
    """How one model's checkpoints are made.

    Attributes:
        shrink: from an architecture to a smaller one.
        build: from an architecture to s3prl's module.
        content: from a module and its architecture to what the published file holds.
    """

    shrink: Callable[[dict[str, Any]], dict[str, Any]]
    build: Callable[[dict[str, Any], Path], Any]
    content: Callable[[Any, dict[str, Any]], dict[str, Any]]


class S3prlBlueprint:
    """Models that s3prl's modules are built for, by the card's ``options.model``."""

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """The card's architecture with small widths."""
        return _model(card).shrink(dict(card.architecture))

    def build(self, card: UpstreamCard) -> "nn.Module":
        """s3prl's module."""
        import torch

        with torch.device("cpu"):  # what is imported on the meta device stays there
            from paralbench.upstreams.s3prl_family import (  # noqa: F401
                apc,
                decoar2,
                masked_acoustic,
                wav2vec,
            )
        return _model(card).build(dict(card.architecture), card.file or Path(card.id))

    def save(self, module: Any, card: UpstreamCard, folder: Path) -> None:
        """One file, named as the card's first source names it."""
        import torch

        name = PurePosixPath((names_of(card.weights[0]) or [FILE])[0]).name
        torch.save(_model(card).content(module, dict(card.architecture)), folder / name)


def _model(card: UpstreamCard) -> Model:
    return MODELS[model_of(card)]


def _smaller_wav2vec(architecture: dict[str, Any]) -> dict[str, Any]:
    narrow = {
        name: [[16, kernel, stride] for _, kernel, stride in architecture[name]]
        for name in ("conv_feature_layers", "conv_aggregator_layers")
        if name in architecture
    }
    return architecture | narrow | {"vq_vars": 12}


def _build_wav2vec(architecture: dict[str, Any], where: Path) -> Any:
    from s3prl.upstream.wav2vec.wav2vec_model import Wav2VecModel

    from paralbench.upstreams.s3prl_family.wav2vec import configuration
    from paralbench.upstreams.s3prl_family.wav2vec_settings import read_settings

    return Wav2VecModel(configuration(read_settings(architecture, where)))


def _save_wav2vec(module: Any, architecture: dict[str, Any]) -> dict[str, Any]:
    from paralbench.upstreams.convolution_lists import rendered
    from paralbench.upstreams.s3prl_family.wav2vec_settings import LISTS, read_settings

    given = read_settings(architecture, Path(FILE))  # a real file says all that there is to say
    given |= {name: rendered(given[name]) for name in LISTS}
    return {
        "args": Namespace(arch="wav2vec", task="audio_pretraining", **given),
        "model": module.state_dict(),
        "optimizer_history": [{"criterion_name": "BinaryCrossEntropyCriterion"}],
        "extra_state": {"epoch": 1},
        "last_optimizer_state": {},
    }


def _smaller_transformer(architecture: dict[str, Any]) -> dict[str, Any]:
    small = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
    return architecture | {"transformer": architecture["transformer"] | small}


def _build_transformer(architecture: dict[str, Any], where: Path) -> Any:
    import torch

    from paralbench.upstreams.s3prl_family import masked_acoustic

    settings = masked_acoustic.read_settings(architecture, where)
    with torch.device("cpu"):  # it tries itself on a waveform
        _, bands = masked_acoustic.front_end(settings)
    return masked_acoustic.network(settings, bands)


def _save_transformer(module: Any, architecture: dict[str, Any]) -> dict[str, Any]:
    from paralbench.upstreams.s3prl_family.masked_acoustic import TRAINING

    sound = architecture["audio"]
    config = architecture | {
        "transformer": architecture["transformer"] | TRAINING,
        "audio": sound | {"target": sound["input"] | {"channel": 1}},
    }
    return {
        "Config": config,
        "Transformer": module.state_dict(),
        "SpecHead": {},
        "Settings": {"Config": config, "Paras": Namespace(run="transformer", seed=1337)},
        "Global_step": 1,
    }


def _smaller_apc(architecture: dict[str, Any]) -> dict[str, Any]:
    parameters = architecture["model"]["paras"] | {"hidden_size": 24}
    return architecture | {"model": {"paras": parameters}}


def _build_apc(architecture: dict[str, Any], where: Path) -> Any:
    from paralbench.upstreams.s3prl_family import apc

    return apc.network(apc.read_settings(architecture, where))


def _save_apc(module: Any, architecture: dict[str, Any]) -> dict[str, Any]:
    parameters = architecture["model"]["paras"] | {"dropout": 0.1}
    config = architecture | {
        "data": {"audio": architecture["data"]["audio"] | {"decode_wav": False}},
        "model": {"paras": parameters},
    }
    return {"config": config, "model": module.state_dict()}


def _smaller_decoar2(architecture: dict[str, Any]) -> dict[str, Any]:
    return architecture | {
        "encoder_embed_dim": 32,
        "encoder_layers": 3,
        "encoder_ffn_embed_dim": 48,
        "encoder_attention_heads": 4,
        "conv_pos_groups": 4,
    }


def _build_decoar2(architecture: dict[str, Any], where: Path) -> Any:
    from paralbench.upstreams.s3prl_family import decoar2

    return decoar2.Network(decoar2.read_settings(architecture, where))


def _save_decoar2(module: Any, architecture: dict[str, Any]) -> dict[str, Any]:
    return {"model": module.state_dict()}


MODELS = {
    "apc": Model(_smaller_apc, _build_apc, _save_apc),
    "decoar2": Model(_smaller_decoar2, _build_decoar2, _save_decoar2),
    "mockingjay": Model(_smaller_transformer, _build_transformer, _save_transformer),
    "tera": Model(_smaller_transformer, _build_transformer, _save_transformer),
    "vq_wav2vec": Model(_smaller_wav2vec, _build_wav2vec, _save_wav2vec),
    "wav2vec": Model(_smaller_wav2vec, _build_wav2vec, _save_wav2vec),
}
S3PRL = S3prlBlueprint()
