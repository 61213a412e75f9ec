"""Checkpoints as they are met: task heads, old names, shards, pickles, and bad ones."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from paralbench.errors import WeightsError
from paralbench.upstreams.wav2vec2_like import load


@pytest.fixture
def hubert(save_speech_model):
    """The folder of a small HuBERT."""
    return save_speech_model("hubert", feat_extract_norm="group")[1]


@pytest.fixture
def output(make_card, voice, pad):
    """``output(folder)``: the last layer on one waveform."""
    return lambda folder: (
        load(make_card("wav2vec2-like", folder), folder).forward(*pad([voice(4000, 1)])).layers[-1]
    )


def tensors_of(folder):
    return load_file(folder / "model.safetensors")


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def as_bin(folder, content):
    torch.save(content, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("model_type", "head"),
    [
        ("wav2vec2", "ForPreTraining"),
        ("unispeech-sat", "ForPreTraining"),
        ("wav2vec2", "ForSequenceClassification"),
        ("hubert", "ForCTC"),
        ("wavlm", "ForXVector"),
        ("data2vec-audio", "ForCTC"),
    ],
)
def test_task_heads_are_left_out(model_type, head, save_speech_model, output, voice):
    model, folder = save_speech_model(model_type, head=head)
    with torch.inference_mode():
        bare = model.base_model(torch.from_numpy(voice(4000, 1))[None]).last_hidden_state
    torch.testing.assert_close(output(folder), bare, rtol=1e-5, atol=1e-5)


def test_the_adapter_after_the_encoder_is_left_out(save_speech_model, output, voice):
    model, folder = save_speech_model("wav2vec2", add_adapter=True, num_adapter_layers=1)
    with torch.inference_mode():
        bare = model(torch.from_numpy(voice(4000, 1))[None], output_hidden_states=True)
    torch.testing.assert_close(output(folder), bare.hidden_states[-1], rtol=1e-5, atol=1e-5)


def test_a_pickled_checkpoint_of_tensors_is_read(hubert, output):
    expected = output(hubert)
    as_bin(hubert, tensors_of(hubert))
    assert torch.equal(output(hubert), expected)


def test_old_names_of_weight_normalisation_are_read(hubert, output):
    expected, tensors = output(hubert), tensors_of(hubert)
    conv = "encoder.pos_conv_embed.conv."
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        tensors[conv + old] = tensors.pop(f"{conv}parametrizations.weight.{new}")
    as_bin(hubert, tensors)
    assert torch.equal(output(hubert), expected)


def test_half_precision_weights_are_computed_in_single(hubert, output):
    tensors = {name: tensor.half() for name, tensor in tensors_of(hubert).items()}
    save_file(tensors, hubert / "model.safetensors")
    assert output(hubert).dtype == torch.float32


def test_shards_are_read_and_a_missing_one_is_named(hubert, output):
    expected, tensors = output(hubert), tensors_of(hubert)
    names = sorted(tensors)
    shards = {"model-1-of-2.safetensors": names[:9], "model-2-of-2.safetensors": names[9:]}
    for shard, inside in shards.items():
        save_file({name: tensors[name] for name in inside}, hubert / shard)
    index = {"weight_map": {name: shard for shard, inside in shards.items() for name in inside}}
    (hubert / "model.safetensors.index.json").write_text(json.dumps(index))
    (hubert / "model.safetensors").unlink()
    assert torch.equal(output(hubert), expected)

    (hubert / "model-2-of-2.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"shards are missing: model-2-of-2\.safetensors"):
        output(hubert)


def test_an_index_may_not_point_elsewhere(hubert, output):
    index = {"weight_map": {"a": "../elsewhere.safetensors"}}
    (hubert / "model.safetensors.index.json").write_text(json.dumps(index))
    (hubert / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="names files outside its folder"):
        output(hubert)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(share, hubert, output):
    file = hubert / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"model\.safetensors: truncated or damaged .* again\."):
        output(hubert)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_pickle_is_refused(share, hubert, output):
    as_bin(hubert, tensors_of(hubert))
    file = hubert / "pytorch_model.bin"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin: .*damaged"):
        output(hubert)


class _Mischief:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_holds_code_is_refused_and_not_run(
    legacy, hubert, output, tmp_path, monkeypatch
):
    trace = tmp_path / "was-run"
    as_bin(hubert, {})
    file = hubert / "pytorch_model.bin"
    if legacy:
        file.write_bytes(pickle.dumps(_Mischief(trace), protocol=2))
    else:
        torch.save({"weight": _Mischief(trace)}, file)
    name = f"{os.mkdir.__module__}.mkdir"
    with pytest.raises(WeightsError) as refused:
        output(hubert)
    assert f"refused, because it holds more than tensors and plain data: {name}." in str(
        refused.value
    )
    # What acts on the system stays refused, whatever is allowed, so nothing is said of allowing.
    assert "PARALBENCH_ALLOW_GLOBALS" not in str(refused.value)
    monkeypatch.setenv("PARALBENCH_ALLOW_GLOBALS", name)
    with pytest.raises(WeightsError, match="refused"):
        output(hubert)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([torch.zeros(1)], "holds a list; a checkpoint is a mapping from names"),
        ({"epoch": 3}, "not a plain mapping from names to tensors"),
    ],
)
def test_a_pickle_that_is_no_mapping_to_tensors_is_refused(content, reason, hubert, output):
    as_bin(hubert, content)
    with pytest.raises(WeightsError, match=reason):
        output(hubert)


def test_missing_and_unknown_weights_are_listed(hubert, output):
    tensors = tensors_of(hubert)
    del tensors["encoder.layers.1.attention.k_proj.weight"]
    tensors["encoder.layers.9.attention.k_proj.weight"] = torch.zeros(2)
    save_file(tensors, hubert / "model.safetensors")
    with pytest.raises(WeightsError) as refused:
        output(hubert)
    assert "missing: encoder.layers.1.attention.k_proj.weight;" in str(refused.value)
    assert "unknown: encoder.layers.9.attention.k_proj.weight." in str(refused.value)


def test_masked_spec_embed_may_be_missing(hubert, output):
    expected, tensors = output(hubert), tensors_of(hubert)
    del tensors["masked_spec_embed"]
    save_file(tensors, hubert / "model.safetensors")
    assert torch.equal(output(hubert), expected)


def test_weights_of_another_size_are_refused(hubert, output):
    change_config(hubert, intermediate_size=64)
    with pytest.raises(WeightsError, match=r"of another shape: .*\(48, 32\) instead of \(64, 32\)"):
        output(hubert)


def test_weights_of_another_architecture_are_refused(save_speech_model, hubert, output):
    _, wavlm = save_speech_model("wavlm")
    (wavlm / "model.safetensors").write_bytes((hubert / "model.safetensors").read_bytes())
    with pytest.raises(WeightsError, match=r"do not fit WavLMModel.*missing: .*gru_rel_pos"):
        output(wavlm)


def test_a_checkpoint_of_another_architecture_than_the_cards_is_refused(hubert, make_card):
    stated = {"hidden_size": 32, "num_hidden_layers": 12, "conv_bias": True, "model_type": "hubert"}
    card = make_card("wav2vec2-like", hubert, architecture=stated)
    with pytest.raises(WeightsError) as refused:
        load(card, hubert)
    message = str(refused.value)
    assert "num_hidden_layers is 3, the card says 12; conv_bias is False, the card says" in message
    assert "hidden_size is" not in message
    assert "Either the card or the weights are of another model" in message


@pytest.mark.parametrize("model_type", ["bert", None, ["hubert"]])
def test_another_model_type_is_refused(model_type, hubert, output):
    change_config(hubert, model_type=model_type)
    with pytest.raises(
        WeightsError, match=r"not an architecture of the family.*Allowed: data2vec-audio, hubert"
    ):
        output(hubert)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_size": "wide"}, "not a valid HubertConfig: .*hidden_size"),
        ({"conv_dim": [16]}, "not a valid HubertConfig: .*conv_dim"),
        ({"hidden_act": "unheard-of"}, "no HubertModel can be built"),
        ({"num_attention_heads": 5}, "no HubertModel can be built.*divisible"),
        ({"conv_stride": [0] * 7}, "must be at least 1"),
    ],
)
def test_a_wrong_configuration_is_refused(changes, reason, hubert, output):
    change_config(hubert, **changes)
    with pytest.raises(WeightsError, match=reason):
        output(hubert)


def test_another_sampling_rate_is_refused(save_speech_model, output):
    _, folder = save_speech_model("hubert", preprocessor={"sampling_rate": 8000})
    with pytest.raises(WeightsError, match="sampling_rate is 8000; only 16000 is supported"):
        output(folder)


@pytest.mark.parametrize(
    "key", ["attn_implementation", "_attn_implementation", "auto_map", "quantization_config"]
)
def test_a_configuration_cannot_choose_code(key, hubert, output):
    """An attention implementation may be a hub's kernel, which transformers would run."""
    expected = output(hubert)
    change_config(hubert, **{key: "somebody/kernel"})
    assert torch.equal(output(hubert), expected)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_an_unreadable_configuration_is_refused(content, hubert, output):
    (hubert / "config.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"config\.json: (not readable as JSON|a JSON object)"):
        output(hubert)


def test_a_folder_without_weights_says_what_it_lacks(hubert, output):
    (hubert / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"holds none of model.safetensors, pytorch_model.bin"):
        output(hubert)
    (hubert / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json: no such file"):
        output(hubert)
