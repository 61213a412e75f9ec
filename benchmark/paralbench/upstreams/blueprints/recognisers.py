"""Blueprints of speech recognisers of which the encoder alone is used: Whisper, Moonshine."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.upstreams import checkpoints
from paralbench.upstreams.blueprints.transformers_models import TransformersBlueprint

if TYPE_CHECKING:
    from torch import nn


class RecogniserBlueprint(TransformersBlueprint):
    """The encoder of a model of transformers, saved as its owners publish the whole model.

    A published folder holds the decoder too, which the family does not read. Here it is left out:
    it would be the larger half of what is drawn and written.

    Args:
        name: ``model_type`` of the configuration, and of transformers' module.
        kinds: names of transformers' configuration and of its encoder.
        smaller: widths and depths of a small model.
        preprocessor: content of ``preprocessor_config.json``.
    """

    def __init__(
        self,
        name: str,
        kinds: tuple[str, str],
        smaller: Mapping[str, JsonValue],
        preprocessor: Mapping[str, JsonValue],
    ):
        super().__init__({name: kinds}, smaller, preprocessor)
        self._module = f"transformers.models.{name}.modeling_{name}"

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The encoder, which transformers does not export at its top."""
        _, model = self._kind(card)
        return getattr(import_module(self._module), model)(self._config(card))

    def save(self, module: Any, card: UpstreamCard, folder: Path) -> None:
        """``config.json``, tensors under ``model.encoder.``, the preprocessor's configuration."""
        from safetensors.torch import save_file

        module.config.save_pretrained(folder)
        tensors = {
            f"model.encoder.{name}": one.contiguous() for name, one in module.state_dict().items()
        }
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        settings = dict(self._preprocessor)
        if "num_mel_bins" in card.architecture:
            settings["feature_size"] = card.architecture["num_mel_bins"]
        (folder / checkpoints.PREPROCESSOR).write_text(json.dumps(settings))


WHISPER = RecogniserBlueprint(
    "whisper",
    ("WhisperConfig", "WhisperEncoder"),
    {
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_layers": 1,
        "decoder_attention_heads": 4,
        "decoder_ffn_dim": 48,
        "vocab_size": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 3,
    },
    {"hop_length": 160, "n_fft": 400, "sampling_rate": 16_000},
)

MOONSHINE = RecogniserBlueprint(
    "moonshine",
    ("MoonshineConfig", "MoonshineEncoder"),
    {
        "hidden_size": 40,
        "intermediate_size": 48,
        "encoder_num_hidden_layers": 2,
        "encoder_num_attention_heads": 4,
        "encoder_num_key_value_heads": 4,
        "decoder_num_hidden_layers": 1,
        "decoder_num_attention_heads": 4,
        "decoder_num_key_value_heads": 4,
        "vocab_size": 64,
    },
    {"do_normalize": False, "feature_size": 1, "sampling_rate": 16_000},
)
