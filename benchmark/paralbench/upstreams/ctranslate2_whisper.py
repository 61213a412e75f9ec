"""From Whisper in CTranslate2's layout to a transformers folder with its encoder.

In that layout the projections of query, key and value are stacked in ``linear_0`` (the key's bias,
which Whisper does not have, is zero), and a LayerNorm's weight and bias are gamma and beta.
"""

import json
import mmap
import re
from pathlib import Path

import numpy as np

from paralbench.errors import WeightsError
from paralbench.upstreams.ctranslate2 import Variable, read_variables

VERSION = 1  # raised when the conversion writes other files
SPECIFICATION = "WhisperSpec"

_FRAMES_PER_SECOND = 50


def convert_whisper(file: Path, folder: Path) -> None:
    """Write a Whisper ``model.bin``'s encoder as a transformers folder.

    ``config.json`` follows from the shapes; tensors keep their precision.

    Args:
        file: the ``model.bin``.
        folder: an existing folder; gets the configurations and ``model.safetensors``.

    Raises:
        WeightsError: the file is damaged, quantised, or not a Whisper model.
    """
    from safetensors.numpy import save

    try:
        with file.open("rb") as opened:
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: cannot be read: {error}.") from None
    specification, variables = read_variables(data, str(file))
    if specification != SPECIFICATION:
        raise WeightsError(f"{file}: a {specification!r}; only {SPECIFICATION!r} is supported.")
    encoder = _Encoder(variables, str(file))
    tensors = encoder.tensors()
    config, preprocessor = encoder.configs()
    (folder / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    for name, content in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class _Encoder:
    """The encoder's variables under transformers' names; each is used exactly once."""

    def __init__(self, variables: dict[str, Variable], where: str):
        self.where = where
        self.left = {
            name.removeprefix("encoder/"): variable
            for name, variable in variables.items()
            if name.startswith("encoder/")
        }
        scopes = {name.partition("/")[0] for name in self.left}
        self.layers = sum(re.fullmatch(r"layer_\d+", scope) is not None for scope in scopes)
        self.heads = self._take("num_heads", ()).integer() or 0
        self.width = self._size("layer_norm/beta", 0)
        self.bins = self._size("conv1/weight", 1)
        self.feed_forward = self._size("layer_0/ffn/linear_0/bias", 0)
        self.positions = self._size("position_encodings/encodings", 0)
        if self.heads < 1 or self.width % self.heads:
            raise self._fail(f"num_heads: {self.heads}, for a width of {self.width}")
        if self.positions % _FRAMES_PER_SECOND:
            raise self._fail(f"position_encodings: {self.positions} frames, no whole seconds")

    def tensors(self) -> dict[str, np.ndarray]:
        D, F = self.width, self.feed_forward
        found = {
            "conv1.weight": self._floats("conv1/weight", (D, self.bins, 3)),
            "conv1.bias": self._floats("conv1/bias", (D,)),
            "conv2.weight": self._floats("conv2/weight", (D, D, 3)),
            "conv2.bias": self._floats("conv2/bias", (D,)),
            "embed_positions.weight": self._floats(
                "position_encodings/encodings", (self.positions, D)
            ),
            **self._norm("layer_norm", "layer_norm"),
        }
        for index in range(self.layers):
            ours, theirs = f"layers.{index}", f"layer_{index}"
            attention, feed = f"{theirs}/self_attention", f"{theirs}/ffn"
            weight = self._floats(f"{attention}/linear_0/weight", (3 * D, D))
            bias = self._floats(f"{attention}/linear_0/bias", (3 * D,))
            if np.any(bias[D : 2 * D] != 0):
                raise self._fail(f"{attention}/linear_0/bias: Whisper's keys have no bias")
            for part, letter in enumerate("qkv"):
                rows = slice(part * D, (part + 1) * D)
                found[f"{ours}.self_attn.{letter}_proj.weight"] = weight[rows]
                if letter != "k":
                    found[f"{ours}.self_attn.{letter}_proj.bias"] = bias[rows]
            found |= self._linear(f"{ours}.self_attn.out_proj", f"{attention}/linear_1", (D, D))
            found |= self._linear(f"{ours}.fc1", f"{feed}/linear_0", (F, D))
            found |= self._linear(f"{ours}.fc2", f"{feed}/linear_1", (D, F))
            found |= self._norm(f"{ours}.self_attn_layer_norm", f"{attention}/layer_norm")
            found |= self._norm(f"{ours}.final_layer_norm", f"{feed}/layer_norm")
        if self.left:
            raise self._fail(f"unknown variables: {', '.join(sorted(self.left)[:5])}")
        return {f"encoder.{name}": np.ascontiguousarray(one) for name, one in found.items()}

    def configs(self) -> tuple[dict[str, object], dict[str, object]]:
        config: dict[str, object] = {
            "model_type": "whisper",
            "activation_function": "gelu",
            "d_model": self.width,
            "encoder_attention_heads": self.heads,
            "encoder_ffn_dim": self.feed_forward,
            "encoder_layers": self.layers,
            "max_source_positions": self.positions,
            "num_mel_bins": self.bins,
            "scale_embedding": False,
        }
        preprocessor: dict[str, object] = {
            "feature_extractor_type": "WhisperFeatureExtractor",
            "chunk_length": self.positions // _FRAMES_PER_SECOND,
            "feature_size": self.bins,
            "hop_length": 160,
            "n_fft": 400,
            "sampling_rate": 16000,
        }
        return config, preprocessor

    def _linear(self, ours: str, theirs: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        return {
            f"{ours}.weight": self._floats(f"{theirs}/weight", shape),
            f"{ours}.bias": self._floats(f"{theirs}/bias", shape[:1]),
        }

    def _norm(self, ours: str, theirs: str) -> dict[str, np.ndarray]:
        return {
            f"{ours}.weight": self._floats(f"{theirs}/gamma", (self.width,)),
            f"{ours}.bias": self._floats(f"{theirs}/beta", (self.width,)),
        }

    def _floats(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        values = self._take(name, shape).floats()
        if values is None:
            raise self._fail(f"{name}: quantised weights are another model's")
        return values

    def _take(self, name: str, shape: tuple[int, ...]) -> Variable:
        given = self._peek(name).shape
        if given != shape:
            raise self._fail(f"{name}: shape {given} instead of {shape}")
        return self.left.pop(name)

    def _size(self, name: str, axis: int) -> int:
        shape = self._peek(name).shape
        if len(shape) <= axis or shape[axis] < 1:
            raise self._fail(f"{name}: shape {shape}")
        return shape[axis]

    def _peek(self, name: str) -> np.ndarray:
        if name not in self.left:
            raise self._fail(f"no variable {name}")
        return self.left[name].values

    def _fail(self, what: str) -> WeightsError:
        return WeightsError(f"{self.where}: not a Whisper encoder as expected: encoder/{what}.")
