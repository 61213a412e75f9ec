"""CTranslate2's format: a file made here from a Whisper model gives that model again."""

import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paralbench.errors import WeightsError
from paralbench.upstreams.ctranslate2 import read_variables
from paralbench.upstreams.ctranslate2_whisper import convert_whisper
from paralbench.upstreams.whisper import load

FLOAT32, INT8, INT16, FLOAT16, BFLOAT16 = 0, 1, 2, 4, 5
KINDS = {np.dtype(np.float32): 0, np.dtype(np.int8): 1, np.dtype(np.int16): 2}
KINDS |= {np.dtype(np.int32): 3, np.dtype(np.float16): 4}


def text(name):
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def write_model(variables, specification="WhisperSpec", version=6, aliases=(), kinds=None):
    """A ``model.bin`` as CTranslate2 writes it."""
    parts = [struct.pack("<I", version), text(specification), struct.pack("<I", 3)]
    parts.append(struct.pack("<I", len(variables)))
    for name, values in sorted(variables.items()):
        kind = (kinds or {}).get(name, KINDS.get(values.dtype, BFLOAT16))
        parts += [text(name), struct.pack("<B", values.ndim)]
        parts.append(struct.pack(f"<{values.ndim}I", *values.shape))
        parts += [struct.pack("<BI", kind, values.nbytes), values.tobytes()]
    parts.append(struct.pack("<I", len(aliases)))
    return b"".join([*parts, *(text(name) for pair in aliases for name in pair)])


def layout(model, dtype=np.float32):
    """The variables of a transformers Whisper encoder, in CTranslate2's layout."""
    ours = {name: tensor.numpy() for name, tensor in model.model.encoder.state_dict().items()}
    width = model.config.d_model
    theirs = {
        "conv1/weight": ours["conv1.weight"],
        "conv1/bias": ours["conv1.bias"],
        "conv2/weight": ours["conv2.weight"],
        "conv2/bias": ours["conv2.bias"],
        "position_encodings/encodings": ours["embed_positions.weight"],
        "layer_norm/gamma": ours["layer_norm.weight"],
        "layer_norm/beta": ours["layer_norm.bias"],
    }
    for index in range(model.config.encoder_layers):
        of = f"layers.{index}."
        to = f"layer_{index}/"
        attention = of + "self_attn."
        query, key, value = (ours[f"{attention}{letter}_proj.weight"] for letter in "qkv")
        bias = [ours[attention + "q_proj.bias"], np.zeros(width), ours[attention + "v_proj.bias"]]
        theirs |= {
            f"{to}self_attention/linear_0/weight": np.concatenate([query, key, value]),
            f"{to}self_attention/linear_0/bias": np.concatenate(bias),
            f"{to}self_attention/linear_1/weight": ours[attention + "out_proj.weight"],
            f"{to}self_attention/linear_1/bias": ours[attention + "out_proj.bias"],
            f"{to}self_attention/layer_norm/gamma": ours[of + "self_attn_layer_norm.weight"],
            f"{to}self_attention/layer_norm/beta": ours[of + "self_attn_layer_norm.bias"],
            f"{to}ffn/linear_0/weight": ours[of + "fc1.weight"],
            f"{to}ffn/linear_0/bias": ours[of + "fc1.bias"],
            f"{to}ffn/linear_1/weight": ours[of + "fc2.weight"],
            f"{to}ffn/linear_1/bias": ours[of + "fc2.bias"],
            f"{to}ffn/layer_norm/gamma": ours[of + "final_layer_norm.weight"],
            f"{to}ffn/layer_norm/beta": ours[of + "final_layer_norm.bias"],
        }
    theirs = {f"encoder/{name}": values.astype(dtype) for name, values in theirs.items()}
    heads = np.array(model.config.encoder_attention_heads, dtype=np.int16)
    embeddings = np.zeros((5, width), dtype)
    return theirs | {"encoder/num_heads": heads, "decoder/embeddings/weight": embeddings}


@pytest.fixture
def whisper(save_whisper):
    """A small random Whisper of transformers, with biases and norms that are not trivial."""
    model, _ = save_whisper()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return model


@pytest.fixture
def convert(tmp_path):
    """``convert(data)``: the folder that ``model.bin`` with this content becomes."""

    def run(data):
        file, folder = tmp_path / "model.bin", tmp_path / "converted"
        file.write_bytes(data)
        folder.mkdir(exist_ok=True)
        convert_whisper(file, folder)
        return folder

    return run


def test_a_model_comes_back(whisper, convert, make_card, voice, pad):
    aliases = [("decoder/projection/weight", "decoder/embeddings/weight")]
    folder = convert(write_model(layout(whisper), aliases=aliases))
    encoder = load(make_card("whisper", folder, variant="30s", window=1), folder)
    waveforms = pad([voice(16_000, 1)])
    with torch.inference_mode():
        mel = encoder.log_mel(waveforms[0])
        expected = whisper.model.encoder(mel).last_hidden_state
    assert torch.equal(encoder.forward(*waveforms).layers[-1], expected)
    assert encoder.n_layers == 3


def test_half_precision_keeps_its_bits(whisper, convert):
    from safetensors.numpy import load_file

    folder = convert(write_model(layout(whisper, np.float16)))
    tensors = load_file(folder / "model.safetensors")
    original = whisper.model.encoder.state_dict()["layers.1.fc1.weight"].numpy()
    assert {one.dtype for one in tensors.values()} == {np.dtype(np.float16)}
    np.testing.assert_array_equal(
        tensors["encoder.layers.1.fc1.weight"], original.astype(np.float16)
    )


def test_bfloat16_is_read():
    values = torch.tensor([[1.5, -2.0], [0.125, 3e38]]).bfloat16()
    bits = values.view(torch.uint16).numpy()
    _, variables = read_variables(write_model({"a": bits}))
    np.testing.assert_array_equal(variables["a"].floats(), values.float().numpy())


def test_the_same_file_gives_the_same_bytes(whisper, convert):
    data = write_model(layout(whisper))
    first = {file.name: file.read_bytes() for file in convert(data).iterdir()}
    assert first == {file.name: file.read_bytes() for file in convert(data).iterdir()}


SMALL = write_model(
    {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.array(4, np.int16)},
    aliases=[("d", "c")],
)


def test_variables_and_aliases_are_read():
    specification, variables = read_variables(SMALL)
    assert specification == "WhisperSpec"
    assert sorted(variables) == ["a/b", "c", "d"]
    assert variables["a/b"].values.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert variables["d"].integer() == 4


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_a_file_cut_anywhere_is_refused(length):
    with pytest.raises(WeightsError, match=r"damaged at byte \d+|not a CTranslate2 model"):
        read_variables(SMALL[:length])


@settings(max_examples=300)
@given(st.data())
def test_flipped_bytes_never_do_worse_than_an_error(data):
    damaged = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(SMALL) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_variables(bytes(damaged))
    except WeightsError as error:
        assert "model.bin" in str(error)  # noqa: PT017 (most damage to values is not detectable)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (SMALL + b"\0", "1 bytes too many"),
        (write_model({}, version=5), r"not a CTranslate2 model of binary version 6 \(5\)"),
        (b"PK\3\4" + SMALL[4:], "not a CTranslate2 model"),
        (write_model({}, aliases=[("a", "b")]), "the alias 'a' of 'b' is not possible"),
        (write_model({"a": np.zeros(2, np.float32)}, kinds={"a": 9}), "unknown element type 9"),
        (write_model({"a": np.zeros(2, np.float32)}, kinds={"a": 4}), "8 bytes, its shape"),
        (write_model({"a": np.zeros((1,) * 9, np.float32)}), "has 9 dimensions"),
        (struct.pack("<I", 6) + text("W") + struct.pack("<II", 1, 2**32 - 1), "variables"),
    ],
)
def test_what_does_not_fit_is_refused(data, reason):
    with pytest.raises(WeightsError, match=reason):
        read_variables(data)


def test_a_variable_may_not_come_twice():
    one = write_model({"a": np.zeros(1, np.float32)})
    head, body = len(write_model({})) - 8, one[len(write_model({})) - 4 : -4]
    twice = one[:head] + struct.pack("<I", 2) + body + body + struct.pack("<I", 0)
    with pytest.raises(WeightsError, match="'a' comes twice"):
        read_variables(twice)


def test_another_model_is_refused(whisper, convert):
    variables = layout(whisper)
    with pytest.raises(WeightsError, match="a 'TransformerSpec'; only 'WhisperSpec'"):
        convert(write_model(variables, specification="TransformerSpec"))
    with pytest.raises(WeightsError, match="no variable num_heads"):
        convert(write_model({}))
    with pytest.raises(WeightsError, match="cannot be read"):
        convert(b"")


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("layer_0/ffn/linear_0/weight", lambda one: one.astype(np.int8), "quantised weights"),
        ("layer_1/self_attention/linear_0/bias", lambda one: one + 1, "keys have no bias"),
        ("conv1/weight", lambda one: one[:, :, :2], r"shape \(16, 80, 2\) instead of"),
        ("conv2/bias", lambda one: one[0], r"conv2/bias: shape \(\)"),
        ("num_heads", lambda one: one + 1, "num_heads: 5, for a width of 16"),
        ("num_heads", lambda one: np.array(np.nan, np.float32), "num_heads: 0"),
        ("position_encodings/encodings", lambda one: one[:49], "no whole seconds"),
        ("layer_norm/beta", lambda one: one[:0], r"layer_norm/beta: shape \(0,\)"),
        ("extra", None, "unknown variables: extra"),
        ("layer_5/ffn/linear_0/bias", None, "no variable layer_2/"),
    ],
)
def test_an_encoder_that_is_not_whispers_is_refused(name, change, reason, whisper, convert):
    variables = layout(whisper)
    name = f"encoder/{name}"
    variables[name] = change(variables[name]) if change else np.zeros(3, np.float32)
    with pytest.raises(WeightsError, match=reason):
        convert(write_model(variables))
