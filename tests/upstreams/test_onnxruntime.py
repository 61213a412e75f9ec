"""ONNX Runtime's format: a file made here from a Moonshine encoder gives that encoder again."""

import contextlib
import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paralbench.errors import WeightsError
from paralbench.upstreams.moonshine import load
from paralbench.upstreams.onnxruntime_format import read_graph
from paralbench.upstreams.onnxruntime_moonshine import convert_moonshine

KINDS = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}


class Buffer:
    """A FlatBuffer, written from the front: a table's fields are a mapping from place to value.

    An int is an int32, a float a float32, a str a string, a mapping a table; a list is a vector of
    those; (count, bytes) is a vector of numbers.
    """

    def __init__(self, root):
        self.data = bytearray(b"\0\0\0\0ORTM")
        struct.pack_into("<I", self.data, 0, self.table(root))

    def table(self, fields):
        size = 4 + 4 * len(fields)
        places = sorted(fields)
        distances = [0] * (max(places, default=-1) + 1)
        for number, place in enumerate(places):
            distances[place] = 4 + 4 * number
        self.align()
        listing = len(self.data)
        self.data += struct.pack(f"<HH{len(distances)}H", 4 + 2 * len(distances), size, *distances)
        self.align()
        at = len(self.data)
        self.data += struct.pack("<i", at - listing) + bytes(size - 4)
        for place in places:
            self.store(at + distances[place], fields[place])
        return at

    def store(self, at, value):
        if isinstance(value, int | float):
            struct.pack_into("<i" if isinstance(value, int) else "<f", self.data, at, value)
            return
        stored = self.table(value) if isinstance(value, dict) else self.vector(value)
        struct.pack_into("<I", self.data, at, stored - at)

    def vector(self, value):
        self.align()
        at = len(self.data)
        if isinstance(value, str):
            self.data += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
        elif isinstance(value, tuple):
            self.data += struct.pack("<I", value[0]) + value[1]
        else:
            self.data += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for number, one in enumerate(value):
                self.store(at + 4 + 4 * number, one)
        return at

    def align(self):
        self.data += bytes(-len(self.data) % 4)


def write_graph(tensors, nodes):
    """A ``.ort`` file; ``nodes`` are (name, operator, inputs, floats)."""
    initializers = [
        {
            0: name,
            2: (value.ndim, np.array(value.shape, "<i8").tobytes()),
            3: KINDS[value.dtype],
            4: (value.nbytes, value.tobytes()),
        }
        for name, value in tensors.items()
    ]
    operators = [
        {
            0: name,
            5: operator,
            8: list(inputs),
            9: [f"{name}_output"],
            10: [{0: key, 2: 1, 3: value} for key, value in floats.items()] + [{0: "axis", 2: 2}],
        }
        for name, operator, inputs, floats in nodes
    ]
    return bytes(Buffer({0: "6", 1: {2: "test", 7: {0: initializers, 2: operators}}}).data)


def exported(model):
    """The tensors and operators of a transformers encoder, exported and rounded to 8 bits.

    Returns:
        Tensors, operators, and the weights that they stand for.
    """
    encoder = model.model.encoder
    weights = {name: tensor.numpy().copy() for name, tensor in encoder.state_dict().items()}
    tensors, nodes = {}, []

    def add(name, operator, inputs, **floats):
        nodes.append((name, operator, inputs, floats))

    for name, bias in (("conv1", False), ("conv2", True), ("conv3", True)):
        tensors[f"{name}.w"] = weights[f"{name}.weight"]
        if bias:
            tensors[f"{name}.b"] = weights[f"{name}.bias"]
        add(f"/{name}/Conv", "Conv", ["x", f"{name}.w", *([f"{name}.b"] if bias else [])])
    for name, part in (("Mul", "weight"), ("Add", "bias")):
        tensors[f"onnx::{name}_1"] = weights[f"groupnorm.{part}"][:, None]
        add(f"/groupnorm/{name}", name, ["x", f"onnx::{name}_1"])
    tensors["zeros"] = np.zeros(encoder.config.hidden_size, np.float32)
    for name in [name for name in weights if name.startswith("layers.") and "norm" in name]:
        node = "/" + name.removesuffix(".weight").replace("s.", "s/", 1).replace(".", "/")
        node = node.replace("layers/", "layers.", 1)
        tensors[name] = weights[name]
        add(f"{node}/LayerNormalization", "LayerNormalization", ["x", name, "zeros"])
    tensors["layer_norm.weight"] = weights["layer_norm.weight"]
    inputs = ["x", "y", "layer_norm.weight", "zeros"]
    add("SkipLayerNormalization", "SkipLayerNormalization", inputs)
    for number, name in enumerate(name for name in weights if "proj" in name or ".fc" in name):
        if name.endswith("bias"):
            continue
        quantised, scale, zero = quantise(weights[name].T)
        weights[name] = ((quantised.astype(np.float32) - zero) * scale).T
        of = f"onnx::MatMul_{number}"
        tensors |= {f"{of}_q": quantised, f"{of}_s": scale, f"{of}_z": zero}
        module = name.removesuffix(".weight")
        node = "/layers." + module.removeprefix("layers.").replace(".", "/") + "/MatMul_quant"
        if module.endswith(("q_proj", "k_proj", "v_proj")):
            inputs = ["x", f"{of}_q", "x_scale", f"{of}_s", "x_zero", f"{of}_z"]
            add(node, "MatMulIntegerToFloat", inputs)
            continue
        inputs = ["x", f"{of}_q", f"{of}_s", f"{of}_z", ""]
        if ".fc" in module:
            tensors[f"{module}.bias"] = weights[f"{module}.bias"]
            inputs[4] = f"{module}.bias"
        add(node, "DynamicQuantizeMatMul", inputs)
    attention = encoder.layers[0].self_attn
    add("/layers.0/self_attn/MatMul/fused", "FusedMatMul", ["q", "k"], alpha=attention.scaling)
    tensors["onnx::Expand_2"] = encoder.rotary_emb.inv_freq.numpy().reshape(1, -1, 1)
    add("/rotary_emb/Expand", "Expand", ["onnx::Expand_2", "shape"])
    tensors["shape"] = np.array([1, 2, 3], np.int64)
    return tensors, nodes, weights


def quantise(matrix):
    """Unsigned 8 bits with a scale and a zero point for the whole matrix."""
    low, high = min(0.0, matrix.min()), max(0.0, matrix.max())
    scale = np.array((high - low) / 255, np.float32)
    zero = np.array(round(-low / scale), np.uint8)
    rounded = np.clip(np.round(matrix / scale) + zero, 0, 255)
    return np.ascontiguousarray(rounded.astype(np.uint8)), scale, zero


@pytest.fixture
def small(save_moonshine):
    """A small Moonshine of transformers with heads of 20 dimensions, of which 18 rotate."""
    return save_moonshine(encoder_num_attention_heads=2, decoder_num_attention_heads=2)[0]


@pytest.fixture
def convert(tmp_path):
    def run(data):
        file, folder = tmp_path / "encoder_model.ort", tmp_path / "converted"
        file.write_bytes(data)
        folder.mkdir(exist_ok=True)
        convert_moonshine(file, folder)
        return folder

    return run


def test_the_graph_is_read():
    tensors = {"ä": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 4), "u1")}
    data = write_graph(tensors, [("node", "Conv", ["x", "", "ä"], {"alpha": 0.5})])
    graph = read_graph(data)
    assert list(graph.tensors) == ["ä", "none"]
    for name, value in tensors.items():
        np.testing.assert_array_equal(graph.tensors[name], value)
        assert graph.tensors[name].dtype == value.dtype
    node = graph.nodes["node"]
    assert (node.operator, node.inputs, node.outputs) == ("Conv", ("x", "", "ä"), ("node_output",))
    assert node.floats == {"alpha": 0.5}


def test_the_encoder_comes_back(small, convert, make_card, voice, pad):
    tensors, nodes, weights = exported(small)
    folder = convert(write_graph(tensors, nodes))
    encoder = load(make_card("moonshine", folder), folder)
    small.model.encoder.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    waveform = voice(9000, 1)
    given = encoder.forward(*pad([waveform]))
    with torch.inference_mode():
        output = small.model.encoder(torch.from_numpy(waveform)[None], output_hidden_states=True)
    for one, other in zip(given.layers, output.hidden_states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    config = json.loads((folder / "config.json").read_text())
    assert config["encoder_num_attention_heads"] == 2
    assert config["encoder_num_hidden_layers"] == 3
    assert config["intermediate_size"] == 48


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors, nodes: tensors.pop("conv2.b"), r"/conv2/Conv reads no weights at input 2"),
        (lambda tensors, nodes: nodes.pop(0), r"no operator /conv1/Conv"),
        (lambda tensors, nodes: tensors["zeros"].fill(1), r"LayerNorms have no bias"),
        (lambda tensors, nodes: tensors["onnx::Expand_2"].fill(1), r"rotations of other freq"),
        (
            lambda tensors, nodes: tensors.update({"onnx::Expand_2": np.ones((1, 3, 1), "f")}),
            r"rotations of other freq",
        ),
        (
            lambda tensors, nodes: tensors.update({"onnx::MatMul_0_s": np.ones(40, np.float32)}),
            r"another quantisation than one scale per 8-bit matrix",
        ),
        (
            lambda tensors, nodes: nodes.remove(
                next(node for node in nodes if node[1] == "FusedMatMul")
            ),
            r"an attention's scale of 0.0, for a width of 40",
        ),
    ],
)
def test_another_graph_is_refused(change, said, small, convert):
    tensors, nodes, _ = exported(small)
    tensors = {name: value.copy() for name, value in tensors.items()}
    change(tensors, nodes)
    with pytest.raises(WeightsError, match=f"not Moonshine's encoder as expected: .*{said}"):
        convert(write_graph(tensors, nodes))


def test_another_format_is_refused(convert):
    with pytest.raises(WeightsError, match="not a model in ONNX Runtime's format"):
        convert(b"\x08\x07\x12\x04onnx")
    with pytest.raises(WeightsError, match="cannot be read"):
        convert(b"")


@pytest.mark.parametrize("shape", [(4, 1 << 60), (4, 2), (-4, -1)])
def test_bytes_that_do_not_fit_the_shape_are_refused(shape):
    data = bytearray(write_graph({"weight": np.zeros((4, 1), np.float32)}, []))
    at = data.index(struct.pack("<Iqq", 2, 4, 1)) + 4
    struct.pack_into("<qq", data, at, *shape)
    with pytest.raises(WeightsError, match=r"'weight' of shape .* has 16 bytes"):
        read_graph(bytes(data))


def test_an_impossible_empty_shape_is_refused():
    data = bytearray(write_graph({"weight": np.zeros((0, 1, 1), np.float32)}, []))
    at = data.index(struct.pack("<Iqqq", 3, 0, 1, 1)) + 4
    struct.pack_into("<qqq", data, at, 0, 1 << 62, 1 << 62)
    with pytest.raises(WeightsError, match=r"'weight' of shape"):
        read_graph(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_an_error_of_ours(drawn):
    """Whatever is overwritten or cut off, it is read as a graph or refused in our words."""
    values = {"weight": np.ones((3, 2), np.float32), "zero": np.array(7, np.uint8)}
    data = bytearray(write_graph(values, [("node", "Conv", ["x", "weight"], {"alpha": 0.5})]))
    for _ in range(drawn.draw(st.integers(1, 3))):
        at = drawn.draw(st.integers(8, len(data) - 4))
        data[at : at + 4] = drawn.draw(st.binary(min_size=4, max_size=4))
    cut = drawn.draw(st.integers(8, len(data)))
    with contextlib.suppress(WeightsError):
        read_graph(bytes(data[:cut]))
