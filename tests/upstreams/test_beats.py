"""BEATs against speechbrain's own class, which reads the same file and sees one waveform alone."""

import os
import pickle
from importlib.util import find_spec

import pytest
import torch

from paralbench.errors import CardError, MissingExtraError, WeightsError
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams import beats
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.beats import load

ensure_torchaudio()  # before speechbrain
needs_speechbrain = pytest.mark.skipif(
    find_spec("speechbrain") is None, reason="speechbrain is not installed (extra beats)"
)

ARCHITECTURE = {
    "embed_dim": 16,
    "encoder_layers": 3,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "encoder_attention_heads": 4,
    "input_patch_size": 16,
    "conv_bias": False,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "num_buckets": 320,
    "max_distance": 800,
    "layer_wise_gradient_decay_ratio": 0.6,
    "finetuned_model": False,
}
VARIANTS = {
    "iter3": {},
    "fine-tuned": {"finetuned_model": True, "predictor_class": 5},
    "norm first": {"layer_norm_first": True, "deep_norm": False},
    "no projection": {"embed_dim": 32},
    "no relative positions": {"relative_position_embedding": False, "gru_rel_pos": False},
}
LENGTHS = (2_800, 2_959, 5_359, 5_360, 8_000, 24_000)


@pytest.fixture
def save(tmp_path):
    """``save(**config)``: a folder as Microsoft publishes it, with speechbrain's random weights."""

    def make(**config):
        from speechbrain.lobes.models import beats as theirs

        folder = tmp_path / f"beats{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        cfg = ARCHITECTURE | config
        torch.manual_seed(0)
        # speechbrain builds from a file alone, so its defaults stand in for the file here
        with pytest.MonkeyPatch.context() as patch:
            made = theirs.BEATsConfig(cfg)
            patch.setattr(theirs, "BEATsConfig", lambda _cfg: made)
            model = theirs.BEATs()
        for tensor in model.parameters():
            torch.nn.init.normal_(tensor, std=0.3)
        torch.save({"cfg": cfg, "model": model.state_dict()}, folder / "BEATs.pt")
        return folder

    return make


def of_speechbrain(folder, waveform):
    """What speechbrain gives for one waveform alone, averaged over the patches of a column."""
    from speechbrain.lobes.models.beats import BEATs

    model = BEATs(ckp_path=str(folder / "BEATs.pt"), output_all_hiddens=True)
    with torch.inference_mode():
        layers = model.extract_features(torch.from_numpy(waveform)[None], torch.ones(1))[0]
        last = model.encoder.layer_norm if model.encoder.layer_norm_first else torch.nn.Identity()
        layers = [*layers[:-1], last(layers[-1])]
    return [layer.transpose(0, 1).unflatten(1, (-1, 8)).mean(2) for layer in layers]


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


@needs_speechbrain
@pytest.mark.parametrize("kind", VARIANTS)
def test_alone_it_is_speechbrain(kind, save, make_card, voice, pad, agrees):
    folder = save(**VARIANTS[kind])
    encoder = load(make_card("beats", folder), folder)
    assert isinstance(encoder, Encoder)
    waveform = voice(20_000, 1)
    assert encoder.prepare(waveform) is waveform
    given = encoder.forward(*pad([waveform]))
    expected = of_speechbrain(folder, waveform)
    assert encoder.n_layers == len(given.layers) == len(expected) == 4
    assert given.layers[0].shape == (1, int(given.lengths[0]), encoder.dim) == (1, 7, 32)
    agrees("beats", "speechbrain", max(map(relative, given.layers, expected)), 1e-6)


@needs_speechbrain
@pytest.mark.parametrize("beside", [3000, 160_000])
@pytest.mark.parametrize("kind", VARIANTS)
def test_padding_changes_nothing(kind, beside, save, make_card, voice, pad):
    folder = save(**VARIANTS[kind])
    encoder = load(make_card("beats", folder), folder)
    waveforms = [voice(n, n) for n in (*LENGTHS, beside)]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            assert torch.isfinite(padded).all()
            assert relative(padded[row, :frames].mean(0), whole[0].mean(0)) <= 1e-5


@needs_speechbrain
def test_in_a_batch_speechbrain_depends_on_padding(save, voice, pad):
    """The measure of the test above finds what the own mask is for."""
    from speechbrain.lobes.models.beats import BEATs

    folder = save()
    model = BEATs(ckp_path=str(folder / "BEATs.pt"))
    waveform = voice(20_000, 1)
    batch, lengths = pad([waveform, voice(160_000, 2)])
    with torch.inference_mode():
        padded = model.extract_features(batch, lengths / lengths.max())[0]
        alone = model.extract_features(batch[:1, :20_000], torch.ones(1))[0]
    assert relative(padded[0, : alone.shape[1]].mean(0), alone[0].mean(0)) > 1e-4


@needs_speechbrain
@pytest.mark.parametrize(("samples", "frames"), [(2_800, 1), (5_359, 1), (5_360, 2), (16_000, 6)])
def test_frames_are_columns_of_patches(samples, frames, save, make_card, voice, pad):
    folder = save()
    encoder = load(make_card("beats", folder, window=10), folder)
    assert (encoder.min_samples, encoder.window_samples) == (2_800, 160_000)
    given = encoder.forward(*pad([voice(samples, 0)]))
    assert given.lengths.tolist() == [frames]
    with pytest.raises(ValueError, match="2799 samples: beats needs at least 2800"):
        encoder.forward(*pad([voice(2_799, 0)]))


@needs_speechbrain
def test_half_precision_stays_near(save, make_card, voice, pad):
    folder = save()
    encoder = load(make_card("beats", folder), folder)
    batch = pad([voice(n, n) for n in (4000, 16_000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[0, : rough.lengths[0]].float(), other[0, : exact.lengths[0]]) < 0.2


@needs_speechbrain
def test_other_checkpoints_are_refused(save, make_card, tmp_path):
    folder = save()
    file = folder / "BEATs.pt"
    with pytest.raises(WeightsError, match=r"max_distance is 800, the card says 1280\. Either"):
        load(make_card("beats", architecture={"max_distance": 1280}), folder)
    content = torch.load(file)
    torch.save({**content, "model": content["model"] | {"quantize.w": torch.ones(1)}}, file)
    with pytest.raises(WeightsError, match=r"unknown: quantize\.w"):
        load(make_card("beats"), folder)
    del content["model"]["patch_embedding.weight"]
    torch.save(content, file)
    with pytest.raises(WeightsError, match=r"missing: patch_embedding\.weight"):
        load(make_card("beats"), folder)
    torch.save({"cfg": {}, "model": {}}, file)
    with pytest.raises(WeightsError, match="says nothing of encoder_layers"):
        load(make_card("beats"), folder)
    torch.save({"state": {}}, file)
    with pytest.raises(WeightsError, match="holds no cfg and model"):
        load(make_card("beats"), folder)

    class Touch:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    file.write_bytes(pickle.dumps({"cfg": Touch(), "model": {}}))
    with pytest.raises(WeightsError):
        load(make_card("beats"), folder)
    assert not (tmp_path / "ran").exists()
    (folder / "other.pt").touch()
    with pytest.raises(WeightsError, match=r"2 \.pt files .*; exactly one"):
        load(make_card("beats"), folder)


def test_without_speechbrain_the_extra_is_named(make_card, tmp_path, monkeypatch):
    monkeypatch.setattr(beats, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="beats"):
        load(make_card("beats"), tmp_path)


def test_the_variant_and_the_options_are_known(make_card, tmp_path):
    with pytest.raises(CardError, match=r"variant: '30s' is not allowed\. Allowed: plain"):
        load(make_card("beats", variant="30s"), tmp_path)
    with pytest.raises(CardError, match=r"options\.layer: unknown option"):
        load(make_card("beats", options={"layer": 3}), tmp_path)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("beats"), None)
