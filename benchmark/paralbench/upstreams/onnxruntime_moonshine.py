"""From Moonshine's encoder in ONNX Runtime's format to a transformers folder.

Useful Sensors publish it so in their package ``moonshine-voice``: transformers' encoder, exported,
its matrices rounded to 8 bits with one scale and one zero point each. ONNX Runtime multiplies them
with activations that it rounds to 8 bits too, on the fly, by the range of the whole batch. Here the
weights are what the file holds, scale * (integer - zero point), and activations are not rounded: so
every layer can be read, and what shares a batch cannot matter. One product of ONNX Runtime differs
by 1 to 4 % from the same product so, the last layer's time mean by 1 to 2 %.

The convolutions' weights were rounded likewise before they were stored as floats.
"""

import json
import mmap
import re
from pathlib import Path

import numpy as np

from paralbench.errors import WeightsError
from paralbench.upstreams.onnxruntime_format import Graph, Node, read_graph

VERSION = 1  # raised when the conversion writes other files

# Where the operators of 8-bit matrices have matrix, scale and zero point (ONNX Runtime's
# ContribOperators.md).
_QUANTISED = {"MatMulIntegerToFloat": (1, 3, 5), "DynamicQuantizeMatMul": (1, 2, 3)}
_BIAS = 4  # of DynamicQuantizeMatMul
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_NORMS = ("input_layernorm", "post_attention_layernorm")
_ROPE_THETA, _ROTARY_SHARE = 10_000.0, 0.9


def convert_moonshine(file: Path, folder: Path) -> None:
    """Write the encoder of an ``encoder_model.ort`` as a transformers folder.

    ``config.json`` follows from the shapes and from the scale of the attention.

    Args:
        file: the ``encoder_model.ort``.
        folder: an existing folder; gets the configurations and ``model.safetensors``.

    Raises:
        WeightsError: the file is damaged, or not a Moonshine encoder of this kind.
    """
    from safetensors.numpy import save

    try:
        with file.open("rb") as opened:
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: cannot be read: {error}.") from None
    encoder = _Encoder(read_graph(data, str(file)), str(file))
    tensors = {f"model.encoder.{name}": one for name, one in encoder.tensors().items()}
    configs = {"config.json": encoder.config(), "preprocessor_config.json": _PREPROCESSOR}
    (folder / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    for name, content in configs.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


_PREPROCESSOR = {
    "do_normalize": False,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "sampling_rate": 16000,
}


class _Encoder:
    """The encoder's weights under transformers' names."""

    def __init__(self, graph: Graph, where: str):
        self.graph, self.where = graph, where
        found = (re.match(r"/layers\.(\d+)/mlp/fc1/", name) for name in graph.nodes)
        self.layers = len({match[1] for match in found if match})
        self.width = self._weight("/conv1/Conv", 1, 3).shape[0]
        if not self.layers:
            raise self._fail("no operator /layers.0/mlp/fc1/MatMul_quant")

    def tensors(self) -> dict[str, np.ndarray]:
        """By transformers' names, float32.

        Raises:
            WeightsError: an operator is missing or of another kind.
        """
        D = self.width
        found = {"conv1.weight": self._weight("/conv1/Conv", 1, 3)}
        for name in ("conv2", "conv3"):
            found[f"{name}.weight"] = self._weight(f"/{name}/Conv", 1, 3)
            found[f"{name}.bias"] = self._weight(f"/{name}/Conv", 2, 1)
        found["groupnorm.weight"] = self._weight("/groupnorm/Mul", 1, 2).reshape(D)
        found["groupnorm.bias"] = self._weight("/groupnorm/Add", 1, 2).reshape(D)
        for index in range(self.layers):
            ours, theirs = f"layers.{index}", f"/layers.{index}"
            for name in _ATTENTION:
                node = f"{theirs}/self_attn/{name}/MatMul_quant"
                found[f"{ours}.self_attn.{name}.weight"] = self._matrix(node)
            for name in ("fc1", "fc2"):
                node = f"{theirs}/mlp/{name}/MatMul_quant"
                found[f"{ours}.mlp.{name}.weight"] = self._matrix(node)
                found[f"{ours}.mlp.{name}.bias"] = self._weight(node, _BIAS, 1)
            for name in _NORMS:
                node = f"{theirs}/{name}/LayerNormalization"
                found[f"{ours}.{name}.weight"] = self._norm(node, 1)
        found["layer_norm.weight"] = self._norm("SkipLayerNormalization", 2)
        return {name: np.array(one, np.float32, order="C") for name, one in found.items()}

    def config(self) -> dict[str, object]:
        """The configuration of transformers.

        Raises:
            WeightsError: the attention's scale or its rotations are not Moonshine's.
        """
        products = (
            node.floats.get("alpha", 0.0)
            for name, node in self.graph.nodes.items()
            if node.operator == "FusedMatMul" and name.startswith("/layers.0/self_attn/")
        )
        scale = next(products, 0.0)
        head = round(scale**-2) if scale > 0 else 0
        if head < 1 or self.width % head:
            raise self._fail(f"an attention's scale of {scale}, for a width of {self.width}")
        rotated = int(head * _ROTARY_SHARE)
        frequencies = _ROPE_THETA ** (-np.arange(0, rotated, 2) / rotated)
        given = self._weight("/rotary_emb/Expand", 0, 3).ravel()
        if given.shape != frequencies.shape or not np.allclose(given, frequencies):
            raise self._fail("rotations of other frequencies than Moonshine's")
        heads = self.width // head
        return {
            "model_type": "moonshine",
            "attention_bias": False,
            "encoder_hidden_act": "gelu",
            "encoder_num_attention_heads": heads,
            "encoder_num_hidden_layers": self.layers,
            "encoder_num_key_value_heads": heads,
            "hidden_size": self.width,
            "intermediate_size": self._matrix("/layers.0/mlp/fc1/MatMul_quant").shape[0],
            "partial_rotary_factor": _ROTARY_SHARE,
            "rope_theta": _ROPE_THETA,
        }

    def _matrix(self, name: str) -> np.ndarray:
        """An 8-bit matrix as floats, rows for outputs, as torch has it."""
        node = self._node(name)
        if node.operator not in _QUANTISED:
            raise self._fail(f"{name} is a {node.operator}")
        matrix, scale, zero = (self._input(name, place) for place in _QUANTISED[node.operator])
        kinds = (matrix.dtype, scale.dtype, zero.dtype, matrix.ndim, scale.ndim, zero.ndim)
        if kinds != (np.uint8, np.float32, np.uint8, 2, 0, 0):
            raise self._fail(f"{name}: another quantisation than one scale per 8-bit matrix")
        return ((matrix.astype(np.float32) - np.float32(zero)) * scale).T

    def _norm(self, name: str, place: int) -> np.ndarray:
        """A LayerNorm's weight; its bias, which the export added, has to be zero."""
        if np.any(self._weight(name, place + 1, 1)):
            raise self._fail(f"{name}: Moonshine's LayerNorms have no bias")
        return self._weight(name, place, 1)

    def _weight(self, name: str, place: int, rank: int) -> np.ndarray:
        found = self._input(name, place)
        if found.dtype != np.float32 or found.ndim != rank:
            raise self._fail(f"{name}: {found.dtype} of shape {found.shape}")
        return found

    def _input(self, name: str, place: int) -> np.ndarray:
        """The initializer that an operator reads at a place."""
        inputs = self._node(name).inputs
        given = inputs[place] if place < len(inputs) else ""
        if given not in self.graph.tensors:
            raise self._fail(f"{name} reads no weights at input {place}")
        return self.graph.tensors[given]

    def _node(self, name: str) -> Node:
        if name not in self.graph.nodes:
            raise self._fail(f"no operator {name}")
        return self.graph.nodes[name]

    def _fail(self, what: str) -> WeightsError:
        return WeightsError(f"{self.where}: not Moonshine's encoder as expected: {what}.")
