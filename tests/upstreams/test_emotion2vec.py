"""emotion2vec against FunASR's own model: its stored hidden states, and itself where it is here."""

import json
import os
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.emotion2vec import load
from paralbench.upstreams.emotion2vec.settings import Settings

AUDIO = "modality_encoders.AUDIO."
SCRIPT = Path(__file__).parent / "reference" / "make_emotion2vec.py"
reference = runpy.run_path(str(SCRIPT))
model_conf, waveform = reference["model_conf"], reference["waveform"]

needs_funasr = pytest.mark.skipif(
    not reference["funasr_is_here"](),
    reason="FunASR is not here (pip install --no-deps funasr; it needs omegaconf); the stored "
    "reference is compared all the same",
)


@pytest.fixture(scope="module")
def stored():
    content = json.loads(reference["FILE"].read_text())
    content["layers"] = [torch.tensor(layer) for layer in content["layers"]]
    return content | {"found": torch.tensor(content["found"])}


@pytest.fixture
def weights(stored):
    """The reference's weights by their published names."""
    return reference["random_weights"](stored["shapes"])


@pytest.fixture
def write(tmp_path):
    """``write(weights, conf)``: a folder as the authors publish it."""

    def make(weights, conf=None, *, prefix="", others=None, file="emotion2vec_base.pt"):
        folder = tmp_path / f"checkpoint{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        state = {prefix + name: torch.from_numpy(one) for name, one in weights.items()}
        torch.save({"model": state | (others or {})}, folder / file)
        content = {"model": "Emotion2vec", "model_conf": conf or model_conf()}
        (folder / "config.yaml").write_text(yaml.safe_dump(content))
        return folder

    return make


@pytest.fixture
def encoder(weights, write, make_card):
    return load(make_card("emotion2vec"), write(weights))


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


def test_alone_it_is_funasr(encoder, stored, pad):
    assert isinstance(encoder, Encoder)
    given = encoder.forward(*pad([encoder.prepare(waveform())]))
    assert encoder.n_layers == len(given.layers) == 6
    assert given.layers[0].shape == (1, int(given.lengths[0]), encoder.dim) == (1, 12, 48)
    for layer, expected in zip(given.layers, stored["layers"], strict=True):
        assert relative(layer[0], expected) <= 2e-6
    # The last is what FunASR returns: frames, without the extra tokens.
    assert relative(given.layers[-1][0], stored["found"]) <= 2e-6


@needs_funasr
@pytest.mark.parametrize(("heads", "per_head"), [(4, True), (4, False), (6, True), (12, True)])
def test_alone_it_is_funasr_itself(heads, per_head, write, make_card, pad, agrees):
    conf = model_conf(heads, per_head)
    model, weights = reference["funasr_model"](conf)
    encoder = load(make_card("emotion2vec"), write(weights, conf))
    heard = pad([encoder.prepare(waveform(9_000))])
    layers, found = reference["funasr_layers"](model, heard[0])
    given = encoder.forward(*heard)
    agrees("emotion2vec", "funasr", max(map(relative, given.layers, layers)), 2e-6)
    assert relative(given.layers[-1], found) <= 2e-6


@needs_funasr
def test_the_reference_is_what_funasr_gives(stored):
    model, weights = reference["funasr_model"](model_conf())
    assert {name: list(one.shape) for name, one in weights.items()} == stored["shapes"]
    heard = torch.from_numpy(waveform())
    heard = torch.nn.functional.layer_norm(heard, heard.shape)[None]
    layers, found = reference["funasr_layers"](model, heard)
    for layer, expected in zip(layers, stored["layers"], strict=True):
        assert relative(layer[0], expected) <= 1e-6
    assert relative(found[0], stored["found"]) <= 1e-6


@needs_funasr
def test_in_a_batch_funasr_depends_on_padding_and_ours_does_not(encoder, pad):
    model, _ = reference["funasr_model"](model_conf())
    short = encoder.prepare(waveform(8_000))
    batch, lengths = pad([short, encoder.prepare(waveform(160_000))])
    mask = torch.arange(batch.shape[1]) >= lengths[:, None]
    _, alone = reference["funasr_layers"](model, torch.from_numpy(short)[None])
    _, padded = reference["funasr_layers"](model, batch, mask)
    frames = alone.shape[1]
    assert relative(padded[0, :frames].mean(0), alone[0].mean(0)) > 1e-4
    ours = encoder.forward(batch, lengths).layers[-1]
    assert relative(ours[0, :frames].mean(0), alone[0].mean(0)) <= 1e-5


@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(beside, encoder, voice, pad):
    waveforms = [encoder.prepare(voice(n, n)) for n in (400, 401, 719, 720, 1600, 8000, beside)]
    batch = encoder.forward(*pad(waveforms))
    for row, one in enumerate(waveforms):
        alone = encoder.forward(*pad([one]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            assert torch.isfinite(padded).all()
            assert relative(padded[row, :frames].mean(0), whole[0].mean(0)) <= 1e-5


def test_prepare_is_layer_norm_over_the_utterance(weights, write, make_card, voice):
    conf = model_conf()
    encoder = load(make_card("emotion2vec"), write(weights, conf))
    heard = torch.from_numpy(voice(12_345, 5))
    expected = torch.nn.functional.layer_norm(heard, heard.shape)
    np.testing.assert_allclose(encoder.prepare(heard.numpy()), expected, rtol=0, atol=1e-5)
    assert not encoder.prepare(np.zeros(500, np.float32)).any()
    raw = load(make_card("emotion2vec"), write(weights, conf | {"normalize": False}))
    np.testing.assert_array_equal(raw.prepare(heard.numpy()), heard.numpy())
    assert raw.weights_key != encoder.weights_key


def test_too_short_a_waveform_is_refused(encoder, voice, pad):
    assert encoder.min_samples == 400
    with pytest.raises(ValueError, match="399 samples: emotion2vec needs at least 400"):
        encoder.forward(*pad([voice(399, 0), voice(800, 0)]))


def test_half_precision_stays_near(encoder, voice, pad):
    batch = pad([encoder.prepare(voice(n, n)) for n in (2000, 16_000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[0, : rough.lengths[0]].float(), other[0, : exact.lengths[0]]) < 0.1


def test_decoder_teacher_and_classifier_are_left_out(weights, write, make_card, stored, pad):
    others = {
        f"{AUDIO}decoder.blocks.0.0.weight": torch.ones(2, 2),
        f"{AUDIO}decoder.proj.bias": torch.ones(2),
        "_ema": torch.ones(1),
        "proj.weight": torch.ones(9, 48),
        "proj.bias": torch.ones(9),
    }
    tuned = write(weights, prefix="d2v_model.", others=others, file="model.pt")
    encoder = load(make_card("emotion2vec"), tuned)
    given = encoder.forward(*pad([encoder.prepare(waveform())]))
    assert relative(given.layers[-1][0], stored["found"]) <= 2e-6


@pytest.mark.parametrize("name", ["norm.weight", "blocks.3.norm1.weight", f"{AUDIO}cls.weight"])
def test_an_unknown_tensor_is_refused(name, weights, write, make_card):
    folder = write(weights, others={name: torch.ones(48)})
    with pytest.raises(WeightsError, match=f"unknown: '{name}'"):
        load(make_card("emotion2vec"), folder)


def test_a_missing_tensor_is_refused(weights, write, make_card):
    del weights[f"{AUDIO}extra_tokens"]
    with pytest.raises(WeightsError, match="missing: extra_tokens"):
        load(make_card("emotion2vec"), write(weights))


def test_a_file_with_code_is_refused_and_not_run(weights, write, make_card, tmp_path):
    class Touch:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = write(weights)
    (folder / "emotion2vec_base.pt").write_bytes(pickle.dumps({"model": Touch()}))
    with pytest.raises(WeightsError):
        load(make_card("emotion2vec"), folder)
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_no_emotion2vec_is_refused(weights, write, make_card):
    card = make_card("emotion2vec")
    folder = write(weights)
    torch.save([1], folder / "other.pt")
    with pytest.raises(WeightsError, match=r"2 \.pt files .*; exactly one"):
        load(card, folder)
    (folder / "emotion2vec_base.pt").unlink()
    with pytest.raises(WeightsError, match="holds a list"):
        load(card, folder)
    torch.save({"state": {}}, folder / "other.pt")
    with pytest.raises(WeightsError, match="no tensors under 'model'"):
        load(card, folder)
    (folder / "config.yaml").write_text("model: Paraformer\nmodel_conf: {}\n")
    with pytest.raises(WeightsError, match="not the configuration of an emotion2vec"):
        load(card, folder)
    (folder / "config.yaml").unlink()
    with pytest.raises(WeightsError, match=r"no such file\. It is published beside"):
        load(card, folder)


def test_a_card_of_another_architecture_is_refused(weights, write, make_card):
    audio = {"num_extra_tokens": 10, "prenet_depth": 4}
    stated = {"norm_eps": 1e-5, "embed_dim": 48, "modalities": {"audio": audio}}
    with pytest.raises(WeightsError, match=r"audio.prenet_depth is 2, the card says 4\. Either"):
        load(make_card("emotion2vec", architecture=stated), write(weights))


def test_numbers_that_yaml_reads_as_words_are_numbers(weights, write, make_card):
    """The published file says ``norm_eps: 1e-05``, which YAML 1.1 takes for a string."""
    folder = write(weights, model_conf() | {"norm_eps": "1e-05"})
    load(make_card("emotion2vec", architecture={"norm_eps": 1e-5}), folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"layer_norm_first": True}, "layer_norm_first: True is not supported; only False"),
        ({"embed_dim": None}, "embed_dim: None is not allowed: a whole number from 1"),
        ({"num_heads": 7}, "num_heads: 7 is not allowed: it must divide embed_dim"),
        ({"norm_eps": "little"}, "norm_eps: 'little' is not allowed: a number"),
    ],
)
def test_an_unsupported_configuration_is_refused(change, complaint):
    with pytest.raises(WeightsError, match=complaint):
        Settings.read(model_conf() | change, "here")


@pytest.mark.parametrize(
    "spec", ["__import__('os')", "[(1, 2)]", "[(1,2,3)] - [(1,2,3)]", "[(1,2,3)]*999999999999"]
)
def test_a_front_end_is_parsed_and_not_evaluated(spec):
    conf = model_conf()
    conf["modalities"]["audio"]["feature_encoder_spec"] = spec
    with pytest.raises(WeightsError, match="no list of convolutions"):
        Settings.read(conf, "here")


def test_a_front_end_is_read_as_fairseq_reads_it():
    conf = model_conf()
    conf["modalities"]["audio"]["feature_encoder_spec"] = "[(4, 10, 5)] + [(4,3,2), (8,2, 2)] * 2"
    expected = [[4, 10, 5], [4, 3, 2], [8, 2, 2], [4, 3, 2], [8, 2, 2]]
    assert Settings.read(conf, "here").convolutions == expected


def test_the_variant_and_the_options_are_known(weights, write, make_card):
    folder = write(weights)
    with pytest.raises(CardError, match=r"variant: '30s' is not allowed. Allowed: plain"):
        load(make_card("emotion2vec", variant="30s"), folder)
    with pytest.raises(CardError, match=r"options\.layer: unknown option\. Allowed: none"):
        load(make_card("emotion2vec", options={"layer": 3}), folder)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("emotion2vec"), None)
