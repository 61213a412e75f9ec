"""Blueprints of the families that transformers holds: built and saved by transformers itself."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.upstreams import checkpoints
from paralbench.upstreams.building import build_config
from paralbench.upstreams.mert import DEPARTURES, MODEL_RATE, MODEL_TYPE
from paralbench.upstreams.wav2vec2_like import ARCHITECTURES

if TYPE_CHECKING:
    from torch import nn


class TransformersBlueprint:
    """Models that transformers builds from the card's architecture.

    Args:
        kinds: names of transformers' configuration and model class, by ``model_type``.
        smaller: widths, depths and vocabularies of a small model; a list is cut to the length of
            the card's.
        preprocessor: content of ``preprocessor_config.json``.
    """

    def __init__(
        self,
        kinds: Mapping[str, tuple[str, str]],
        smaller: Mapping[str, JsonValue],
        preprocessor: Mapping[str, JsonValue],
    ):
        self._kinds, self._smaller, self._preprocessor = kinds, smaller, preprocessor

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """The card's architecture with the small sizes that its configuration knows."""
        known = self._config(card).to_dict()
        return card.architecture | {
            name: value[: len(known[name])] if isinstance(value, list) else value
            for name, value in self._smaller.items()
            if name in known
        }

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The bare encoder of transformers."""
        import transformers

        _, model = self._kind(card)
        return getattr(transformers, model)(self._config(card))

    def save(self, module: Any, card: UpstreamCard, folder: Path) -> None:
        """``save_pretrained``, and the preprocessor's configuration beside it."""
        with no_progress_bars():
            module.save_pretrained(folder)
        text = json.dumps(dict(self._preprocessor))
        (folder / checkpoints.PREPROCESSOR).write_text(text)

    def _config(self, card: UpstreamCard) -> Any:
        import transformers

        name, _ = self._kind(card)
        kind = getattr(transformers, name)
        return build_config(kind, card.architecture, card.file or Path(card.id))

    def _kind(self, card: UpstreamCard) -> tuple[str, str]:
        given = card.architecture.get("model_type")
        if not isinstance(given, str) or given not in self._kinds:
            raise CardError(
                f"{card.file or card.id}: architecture.model_type: {given!r} is not allowed. "
                f"Allowed: {', '.join(sorted(self._kinds))}."
            )
        return self._kinds[given]


class MertBlueprint(TransformersBlueprint):
    """A HuBERT under the name and with the keys of MERT's own configuration."""

    def save(self, module: Any, card: UpstreamCard, folder: Path) -> None:
        """As transformers saves it, with ``model_type`` and the departures from HuBERT put in."""
        super().save(module, card, folder)
        file = folder / checkpoints.CONFIG
        config = checkpoints.read_json(file) | DEPARTURES | {"model_type": MODEL_TYPE}
        file.write_text(json.dumps(config, indent=2))


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keep transformers from reporting each file it writes; the caller's setting is put back."""
    from transformers.utils import logging

    if not logging.is_progress_bar_enabled():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the hub's client, where the environment sets it too
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.enable_progress_bar()


_SMALLER: dict[str, JsonValue] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": [16 for _ in range(13)],
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": 8,
    "codevector_dim": 16,
    "proj_codevector_dim": 16,
}

WAV2VEC2_LIKE = TransformersBlueprint(
    {name: (one.config, one.model) for name, one in ARCHITECTURES.items()},
    _SMALLER,
    {"do_normalize": True, "sampling_rate": 16_000},
)

MERT = MertBlueprint(
    {MODEL_TYPE: ("HubertConfig", "HubertModel")},
    _SMALLER,
    {"do_normalize": True, "sampling_rate": MODEL_RATE},
)

WAV2VEC2_BERT = TransformersBlueprint(
    {"wav2vec2-bert": ("Wav2Vec2BertConfig", "Wav2Vec2BertModel")},
    {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
    },
    {"feature_size": 80, "num_mel_bins": 80, "stride": 2, "sampling_rate": 16_000},
)
