"""wav2vec, vq-wav2vec, TERA, Mockingjay, APC, DeCoAR 2: against s3prl's own loaders, alone."""

import argparse
import gc
import warnings
import weakref

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard, load_catalogue
from paralbench.errors import CardError, WeightsError
from paralbench.runner.upstream import Upstream
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.s3prl_family import load

ensure_torchaudio()  # before s3prl

CARDS = {card.id: card for card in load_catalogue().upstreams if card.family == "s3prl"}
# id: s3prl's loader, layers, dim of the true model, samples per frame, shortest waveform
MODELS = {
    "wav2vec-large": ("wav2vec_custom", 13, 512, 160, 465),
    "vq-wav2vec-kmeans": ("vq_wav2vec_custom", 13, 512, 160, 465),
    "tera-960h": ("tera_local", 4, 768, 160, 201),
    "mockingjay-960h": ("mockingjay_local", 4, 768, 160, 201),
    "apc-960h": ("apc_local", 3, 512, 160, 560),
    "decoar2": ("decoar2_local", 13, 768, 320, 560),
}
every_model = pytest.mark.parametrize("id", MODELS)
TOLERANCE = 1e-5


def relative(one, other):
    return ((one.double() - other.double()).norm() / other.double().norm()).item()


@pytest.fixture
def small(tmp_path):
    """``small(id, **architecture)``: a shrunk card and the folder with a random checkpoint."""

    def make(id, **architecture) -> tuple[UpstreamCard, object]:
        card = blueprints.shrunk(CARDS[id])
        card = card.model_copy(update={"architecture": card.architecture | architecture})
        folder = tmp_path / f"{id}-{len(list(tmp_path.iterdir()))}"
        blueprints.write_random(card, folder, seed=1)
        return card, folder

    return make


@pytest.fixture
def owners(tmp_path, monkeypatch):
    """``owners(id, card, folder)``: what s3prl's own loader makes of the same checkpoint."""

    def make(id, card, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library of 2021 on today's torch
            from s3prl.nn import S3PRLUpstream
            from s3prl.upstream.decoar2 import decoar2

            (file,) = folder.iterdir()
            if "wav2vec" in id:  # s3prl reads its own conversion of fairseq's files
                saved = torch.load(file, weights_only=False)
                file = tmp_path / "converted.pt"
                content = {
                    "task_cfg": {"normalize": False},
                    "model_cfg": {"infonce": True} | vars(saved["args"]),
                    "model_weight": saved["model"],
                }
                torch.save(content, file)
            if id == "decoar2":  # its sizes are constants there
                monkeypatch.setattr(decoar2, "args", decoar2.args | card.architecture)
            torch.manual_seed(0)
            return S3PRLUpstream(MODELS[id][0], path_or_url=str(file)).eval()

    return make


def largest(ours, theirs):
    return max(relative(one, other) for one, other in zip(ours, theirs, strict=True))


def their_layers(model, waveform):
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        return model.upstream([torch.from_numpy(waveform)])["hidden_states"]


@every_model
def test_alone_it_is_s3prl(id, small, owners, voice, pad, agrees):
    card, folder = small(id)
    encoder, model = load(card, folder), owners(id, card, folder)
    assert isinstance(encoder, Encoder)
    assert model.num_layers == encoder.n_layers
    assert model.hidden_sizes == [encoder.dim] * encoder.n_layers
    assert model.downsample_rates == [MODELS[id][3]] * encoder.n_layers
    for samples in (2000, 16_000, 23_457):
        waveform = voice(samples, samples)
        given = encoder.forward(*pad([encoder.prepare(waveform)]))
        expected = their_layers(model, waveform)
        assert len(given.layers) == len(expected)
        for ours, theirs in zip(given.layers, expected, strict=True):
            assert ours.shape == theirs.shape == (1, int(given.lengths[0]), encoder.dim)
            agrees("s3prl", "s3prl's own upstreams", relative(ours, theirs), 1e-6)


@every_model
@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(id, beside, small, voice, pad):
    card, folder = small(id)
    encoder = load(card, folder)
    assert encoder.batching == "any"
    sizes = (encoder.min_samples, encoder.min_samples + 159, 1600, 8000, 8001, beside)
    waveforms = [encoder.prepare(voice(n, n)) for n in sizes]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            assert torch.isfinite(padded).all()
            assert relative(padded[row, :frames].mean(0), whole[0].mean(0)) <= TOLERANCE


@pytest.mark.parametrize("id", ["wav2vec-large", "tera-960h"])
def test_in_s3prl_padding_matters(id, small, owners, voice):
    """What the cures are for; the measure of the test above finds it."""
    card, folder = small(id)
    model = owners(id, card, folder)
    short, long = voice(8000, 1), voice(320_000, 2)
    alone = their_layers(model, short)[-1][0]
    with torch.inference_mode():
        both = model.upstream([torch.from_numpy(one) for one in (short, long)])
    together = both["hidden_states"][-1][0, : len(alone)]
    assert relative(together.mean(0), alone.mean(0)) > 1e-4


@every_model
def test_the_card_is_of_the_true_size(id):
    card, (_, layers, dim, hop, _) = CARDS[id], MODELS[id]
    assert (card.layers, card.dim, card.frame_rate) == (layers, dim, 16_000 / hop)
    assert blueprints.count_parameters(card) == card.parameters


@every_model
def test_the_shortest_waveform(id, small, owners, voice, pad):
    """One sample less gives s3prl no frame, or none that is finite."""
    card, folder = small(id)
    encoder, model = load(card, folder), owners(id, card, folder)
    shortest = MODELS[id][4]
    assert encoder.min_samples == shortest
    given = encoder.forward(*pad([encoder.prepare(voice(shortest, 1))]))
    assert given.lengths.tolist() == [2 if shortest == 201 else 1 + (id == "apc-960h")]
    assert all(torch.isfinite(layer).all() for layer in given.layers)
    with pytest.raises(ValueError, match=f"{shortest - 1} samples: .* at least {shortest}"):
        encoder.forward(*pad([voice(shortest - 1, 1)]))
    try:
        theirs = their_layers(model, voice(shortest - 1, 1))
    except RuntimeError:
        return
    assert not torch.isfinite(theirs[-1]).all()


@pytest.mark.parametrize("seconds", [15, 16, 31])
def test_stretches_of_long_utterances_are_s3prls(seconds, small, owners, voice, pad):
    """More frames than TERA's 1500 are cut into equal stretches, each from position 0."""
    card, folder = small("tera-960h")
    encoder, model = load(card, folder), owners("tera-960h", card, folder)
    waveforms = [voice(16_000 * seconds, 1), voice(9000, 2)]
    batch = encoder.forward(*pad([encoder.prepare(one) for one in waveforms]))
    assert batch.lengths.tolist() == [100 * seconds + 1, 57]
    for row, waveform in enumerate(waveforms):
        for ours, theirs in zip(batch.layers, their_layers(model, waveform), strict=True):
            assert relative(ours[row, : batch.lengths[row]], theirs[0]) <= 1e-6


def test_silence_is_finite(small, voice, pad):
    for id in MODELS:
        encoder = load(*small(id))
        silent = encoder.prepare(np.zeros(4000, np.float32))
        given = encoder.forward(*pad([silent, encoder.prepare(voice(9000, 1))]))
        assert all(torch.isfinite(layer).all() for layer in given.layers)


class TestCodewords:
    """The choice of codewords, which rounding could turn."""

    KINDS = pytest.mark.parametrize(
        "kind",
        [
            {"vq_type": "kmeans", "combine_groups": True},
            {"vq_type": "kmeans", "combine_groups": False},
            {"vq_type": "gumbel", "combine_groups": True, "vq_depth": 2},
            {"vq_type": "gumbel", "combine_groups": False},
        ],
        ids=lambda kind: "-".join(map(str, kind.values())),
    )

    @KINDS
    def test_they_are_s3prls(self, kind, small, owners, voice, pad):
        card, folder = small("vq-wav2vec-kmeans", vq_vars=320, **kind)
        encoder = load(card, folder)
        model = owners("vq-wav2vec-kmeans", card, folder).upstream
        waveform = voice(30_000, 1)
        given = encoder.forward(*pad([waveform, voice(160_000, 2)]))
        expected = their_layers(argparse.Namespace(upstream=model), waveform)
        for ours, theirs in zip(given.layers, expected, strict=True):
            assert relative(ours[0, : given.lengths[0]], theirs[0]) <= 1e-6

    @KINDS
    def test_the_choice_does_not_depend_on_the_batch(self, kind, small, voice, pad):
        """Bit by bit: chosen codewords are the same ones, in whatever company."""
        from paralbench.upstreams.s3prl_family import wav2vec

        encoder = load(*small("vq-wav2vec-kmeans", vq_vars=320, **kind))
        assert isinstance(encoder, wav2vec.Wav2vecEncoder)
        waveforms = [voice(n, n) for n in (465, 8000, 8000, 40_000)]
        batch, lengths = pad(waveforms)
        with torch.inference_mode():
            _, together = encoder._quantised(batch, lengths.tolist(), torch.float32)
            for row, waveform in enumerate(waveforms):
                single, length = pad([waveform])
                _, alone = encoder._quantised(single, length.tolist(), torch.float32)
                assert torch.equal(together[row, :, : alone.shape[2]], alone[0])

    def test_reduced_precision_begins_after_them(self, small, voice, pad):
        encoder = load(*small("vq-wav2vec-kmeans"))
        batch = pad([voice(16_000, 1), voice(9000, 2)])
        exact = encoder.forward(*batch)
        rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
        assert {layer.dtype for layer in rough.layers} == {torch.bfloat16}
        for one, other in zip(rough.layers, exact.layers, strict=True):
            assert relative(one[0], other[0]) < 0.05


@every_model
def test_half_precision_stays_near(id, small, voice, pad):
    encoder = load(*small(id))
    batch = pad([encoder.prepare(voice(n, n)) for n in (16_000, 9000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert relative(one[0], other[0]) < 0.1


@pytest.mark.parametrize("id", ["wav2vec-large", "decoar2"])
def test_a_batch_that_failed_leaves_no_tensors(id, small, voice, pad, monkeypatch):
    """They would fill the memory while the batch is tried again in halves."""
    encoder = load(*small(id))
    batch = pad([voice(9000, 1)])
    whole = encoder.network.encoder if id == "decoar2" else encoder.model.feature_aggregator
    last = (whole.layers if id == "decoar2" else whole.conv_layers)[-1]
    held = []

    def out_of_memory(*inputs, **_):
        held.append(weakref.ref(inputs[0]))
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(last, "forward", out_of_memory)
        with pytest.raises(RuntimeError, match="out of memory"):
            encoder.forward(*batch)
    gc.collect()
    assert [one() for one in held] == [None]
    assert len(encoder.forward(*batch).layers) == encoder.n_layers


def test_what_the_file_does_not_state_is_part_of_the_key(small):
    """Heads do not show in DeCoAR's tensors: the card's are what features depend on."""
    card, folder = small("decoar2")
    heads = card.architecture | {"encoder_attention_heads": 2}
    other = card.model_copy(update={"architecture": heads})
    assert load(card, folder).weights_key != load(other, folder).weights_key
    roots = {card.id: folder}
    keys = [Upstream.find(one, "fp32", roots).description["encoder"] for one in (card, other)]
    assert keys[0] != keys[1], "nor is what is remembered of the one taken for the other"


def test_both_layouts_of_wav2vec_are_read(small, make_card, tmp_path, voice, pad):
    """fairseq's own file, and s3prl's conversion of it."""
    card, folder = small("wav2vec-large")
    (file,) = folder.iterdir()
    saved = torch.load(file, weights_only=False)
    converted = tmp_path / "converted"
    converted.mkdir()
    arguments = vars(saved["args"])
    content = {"task_cfg": {}, "model_cfg": arguments, "model_weight": saved["model"]}
    torch.save(content, converted / "wav2vec_large.pt")
    batch = pad([voice(5000, 1)])
    one, other = load(card, folder).forward(*batch), load(card, converted).forward(*batch)
    assert torch.equal(one.layers[-1], other.layers[-1])


def test_what_old_arguments_do_not_say_is_fairseqs_default(small, voice, pad):
    """The arguments of wav2vec_large.pt are older than the choice of an activation."""
    card, folder = small("wav2vec-large")
    (file,) = folder.iterdir()
    before = load(card, folder).forward(*pad([voice(5000, 1)])).layers[-1]
    saved = torch.load(file, weights_only=False)
    for name in ("activation", "vq_type", "skip_connections_feat"):
        delattr(saved["args"], name)
    torch.save(saved, file)
    assert torch.equal(before, load(card, folder).forward(*pad([voice(5000, 1)])).layers[-1])


class TestBadCheckpoints:
    """Damaged, of another model, or with more than data in them."""

    @every_model
    def test_tensors_missing_unknown_or_of_another_shape(self, id, small):
        card, folder = small(id)
        (file,) = folder.iterdir()
        saved = torch.load(file, weights_only=False)
        tensors = saved["Transformer" if "Transformer" in saved else "model"]
        names = list(tensors)
        missing, stretched = names[0], names[-1]
        del tensors[missing]
        tensors[stretched] = torch.zeros(3, 5, 7)
        tensors["surplus.weight"] = torch.zeros(1)
        torch.save(saved, file)
        with pytest.raises(WeightsError) as refusal:
            load(card, folder)
        for part in (f"missing: {missing}", "unknown: surplus.weight", f"{stretched} (3, 5, 7)"):
            assert part in str(refusal.value)

    @pytest.mark.parametrize(
        ("id", "part", "said"),
        [
            ("wav2vec-large", {"activation": "gelu"}, "activation is 'relu', the card says 'gelu'"),
            ("wav2vec-large", {"log_compression": False}, "log_compression is True"),
            ("tera-960h", {"task": {"sequence_length": 3000}}, "task.sequence_length is 1500"),
            (
                "tera-960h",
                {"transformer": {"num_attention_heads": 2}},
                "transformer.num_attention_heads is 4, the card says 2",
            ),
            ("apc-960h", {"model": {"paras": {"residual": False}}}, "model.paras.residual is True"),
        ],
    )
    def test_another_architecture_than_the_cards(self, id, part, said, small):
        card, folder = small(id)
        other = card.model_copy(update={"architecture": part})
        with pytest.raises(WeightsError, match=f"of another architecture.*{said}"):
            load(other, folder)

    @every_model
    def test_the_checkpoint_of_another_model(self, id, small):
        card, _ = small(id)
        other = "apc-960h" if id != "apc-960h" else "tera-960h"
        _, folder = small(other)
        with pytest.raises(WeightsError, match=str(folder)):
            load(card, folder)

    @every_model
    def test_truncated(self, id, small):
        card, folder = small(id)
        (file,) = folder.iterdir()
        file.write_bytes(file.read_bytes()[:5000])
        with pytest.raises(WeightsError, match="truncated or damaged"):
            load(card, folder)

    def test_an_expression_is_parsed_and_never_evaluated(self, small, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        card, folder = small("wav2vec-large")
        (file,) = folder.iterdir()
        saved = torch.load(file, weights_only=False)
        saved["args"].conv_feature_layers = "[open('evaluated', 'w')]"
        torch.save(saved, file)
        with pytest.raises(WeightsError, match="no list of convolutions"):
            load(card, folder)
        assert not (tmp_path / "evaluated").exists()

    def test_several_files_and_none(self, small, tmp_path):
        card, folder = small("apc-960h")
        (file,) = folder.iterdir()
        file.rename(folder / "one.ckpt")
        assert load(card, folder).n_layers == 3
        (folder / "two.ckpt").write_bytes((folder / "one.ckpt").read_bytes())
        with pytest.raises(WeightsError, match=r"2 .* files \(one\.ckpt, two\.ckpt\); exactly one"):
            load(card, folder)
        (folder / "two.ckpt").rename(folder / "apc_960hr.ckpt")  # the one that the card names
        assert load(card, folder).n_layers == 3
        with pytest.raises(WeightsError, match=r"0 .* files; exactly one"):
            load(card, tmp_path / "nowhere")

    def test_the_options_are_known(self, make_card, tmp_path):
        for options, said in (
            ({}, r"options.model: None is not allowed. Allowed: apc, decoar2"),
            ({"model": "hubert"}, "'hubert' is not allowed"),
            ({"model": "apc", "layer": 1}, "options.layer: unknown option"),
        ):
            with pytest.raises(CardError, match=said):
                load(make_card("s3prl", tmp_path, options=options), tmp_path)
        with pytest.raises(CardError, match="variant: '30s' is not allowed"):
            load(make_card("s3prl", tmp_path, variant="30s", options={"model": "apc"}), tmp_path)
        with pytest.raises(WeightsError, match="needs a folder"):
            load(make_card("s3prl", options={"model": "apc"}), None)
