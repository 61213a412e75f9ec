import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError, StoreError
from paralbench.features.extract import extract
from paralbench.features.moments import mix_variance


@pytest.fixture
def run(noise, store, description):
    """Extract all of the noise; keyword arguments go to ``extract``."""

    def run(encoder, contents=None, **options):
        wanted = noise.contents if contents is None else contents
        return extract(encoder, description, wanted, noise.cache, store, **options)

    return run


def relative(features, reference):
    """The largest relative L2 difference of a layer's time mean."""
    error = np.linalg.norm(features - reference, axis=-1)
    return float((error / np.linalg.norm(reference, axis=-1)).max())


@pytest.fixture(scope="module")
def reference(noise, fakes):
    """Means over each utterance's own frames, computed alone, in float64."""
    encoder = fakes.ConvEncoder()
    frames = [fakes.frames_of(encoder, noise.waveforms[content]) for content in noise.contents]
    return np.stack([one.mean(axis=1) for one in frames]), frames


@pytest.mark.parametrize("budget", [1, 40_000, 200_000, 10**9])
def test_features_are_the_means_over_own_frames_under_any_batching(
    run, noise, fakes, reference, budget
):
    means, frames = reference
    encoder = fakes.ConvEncoder()
    report = run(encoder, token_budget=budget)
    assert relative(report.space.mean(noise.contents), means) < 1e-6
    np.testing.assert_array_equal(
        report.space.frames(noise.contents), [one.shape[1] for one in frames]
    )
    assert report.batches == len(encoder.batches)
    assert {1: 40, 10**9: 1}.get(budget, report.batches) == report.batches


def test_the_report_says_what_was_done(run, noise, fakes):
    seen = []
    first = run(fakes.ConvEncoder(), progress=lambda *seconds: seen.append(seconds))
    assert (first.encoded, first.reused, first.excluded) == (40, 0, {})
    total = sum(noise.lengths.values()) / 16_000
    assert first.audio_seconds == pytest.approx(total)
    assert first.peak_memory_bytes > 10 * 2**20
    assert (first.device, first.precision, first.threads) == ("cpu", "fp32", 1)
    assert 0 < first.padding_share < 0.5
    assert first.back_offs == 0
    assert seen[0] == (0.0, pytest.approx(total))
    assert seen[-1] == (pytest.approx(total), pytest.approx(total))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_second_extraction_encodes_nothing(run, noise, fakes):
    first = run(fakes.ConvEncoder())
    again = run(fakes.BrokenEncoder(), contents=noise.contents[::-1])
    assert (again.encoded, again.reused, again.audio_seconds) == (0, 40, 0)
    np.testing.assert_array_equal(
        again.space.mean(noise.contents), first.space.mean(noise.contents)
    )

    def loader():
        raise AssertionError("the encoder is not even loaded")

    assert run(None, loader=loader).reused == 40


def test_a_larger_request_encodes_only_what_is_new(run, noise, fakes):
    run(fakes.ConvEncoder(), contents=noise.contents[:25])
    encoder = fakes.ConvEncoder()
    report = run(encoder, contents=noise.contents)
    assert (report.encoded, report.reused) == (15, 25)
    assert sum(map(len, encoder.batches)) == 15


def test_the_same_audio_twice_is_encoded_once(run, noise, fakes):
    encoder = fakes.ConvEncoder()
    report = run(encoder, contents=noise.contents[:3] * 4)
    assert report.encoded == 3
    assert sum(map(len, encoder.batches)) == 3


def test_a_loader_makes_the_encoder_where_none_is_given(run, fakes):
    assert run(None, loader=fakes.ConvEncoder).encoded == 40
    with pytest.raises(ParalbenchError, match="encoder, or a loader"):
        run(None, precision="bf16")


def test_lengths_are_never_mixed_for_an_encoder_that_is_exact_only_so(run, noise, fakes):
    encoder = fakes.EqualLengthEncoder()
    report = run(encoder)
    assert all(len(set(batch)) == 1 for batch in encoder.batches)
    assert max(map(len, encoder.batches)) == 2
    means = [fakes.frames_of(encoder, noise.waveforms[c]).mean(1) for c in noise.contents]
    assert relative(report.space.mean(noise.contents), np.stack(means)) < 1e-6


def test_single_means_one_at_a_time(run, fakes):
    encoder = fakes.FunctionalsEncoder()
    run(encoder)
    assert all(len(batch) == 1 for batch in encoder.batches)


@pytest.mark.parametrize("kind", ["ConvEncoder", "EqualLengthEncoder"])
def test_long_utterances_are_prepared_whole_and_encoded_in_windows(run, noise, fakes, kind):
    encoder = getattr(fakes, kind)(window_samples=9000)
    prepared = []
    prepare = encoder.prepare
    encoder.prepare = lambda waveform: prepared.append(len(waveform)) or prepare(waveform)
    report = run(encoder, second_moments=True)
    if kind == "ConvEncoder":  # the other one meets a long utterance in two groups of lengths
        assert sorted(prepared) == sorted(noise.lengths.values())
    assert max(max(batch) for batch in encoder.batches) <= 9000
    frames = [fakes.frames_of(encoder, noise.waveforms[content]) for content in noise.contents]
    means = np.stack([one.mean(axis=1) for one in frames])
    assert relative(report.space.mean(noise.contents), means) < 1e-6
    weights = np.array([0.2, 0.5, 0.3])
    deviations = np.sqrt(mix_variance(weights, report.space.moments(noise.contents, packed=True)))
    wanted = np.stack([np.einsum("l,ltd->td", weights, one).std(0) for one in frames])
    np.testing.assert_allclose(deviations, wanted, rtol=2e-6, atol=1e-6)


def test_second_moments_can_be_asked_for_later(run, noise, fakes):
    first = run(fakes.RoundingEncoder())
    means = first.space.mean(noise.contents)
    encoder = fakes.RoundingEncoder()
    second = run(encoder, second_moments=True)
    assert (second.encoded, second.reused) == (40, 0)
    assert second.space.key == first.space.key
    np.testing.assert_array_equal(second.space.mean(noise.contents), means)
    assert run(fakes.BrokenEncoder(), second_moments=True).reused == 40


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_another_precision_is_another_space(run, noise, fakes, precision):
    full = run(fakes.ConvEncoder())
    encoder = fakes.ConvEncoder()
    half = run(encoder, precision=precision)
    assert encoder.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert half.encoded == 40
    assert half.space.key != full.space.key
    assert half.space.description["precision"] == precision
    difference = relative(half.space.mean(noise.contents), full.space.mean(noise.contents))
    assert 1e-5 < difference < 3e-2


def test_reduced_products_are_another_space(run, noise, fakes):
    full, encoder = run(fakes.ConvEncoder()), fakes.ConvEncoder()
    reduced = run(encoder, precision="fp32-reduced")
    assert encoder.dtype == torch.float32
    assert reduced.encoded == 40
    assert reduced.space.key != full.space.key
    assert relative(reduced.space.mean(noise.contents), full.space.mean(noise.contents)) < 3e-2


def test_another_variant_or_version_is_another_space(noise, store, description, fakes):
    keys = set()
    for change in ({}, {"variant": "unpadded"}, {"version": 2}, {"weights": "1" * 64}):
        changed = {**description, **change}
        report = extract(fakes.ConvEncoder(), changed, noise.contents[:2], noise.cache, store)
        assert report.encoded == 2
        keys.add(report.space.key)
    assert len(keys) == 4


def test_too_short_utterances_are_excluded_and_not_tried_again(run, noise, fakes):
    least = 5000
    short = {content for content, samples in noise.lengths.items() if samples < least}
    assert 0 < len(short) < 40
    report = run(fakes.ConvEncoder(min_samples=least))
    assert report.excluded == dict.fromkeys(short, "too-short")
    assert report.encoded == 40 - len(short)
    again = run(fakes.BrokenEncoder(min_samples=least))
    assert again.excluded == report.excluded
    assert again.reused == report.encoded


def test_an_encoder_that_gives_no_frame_excludes_as_too_short(run, noise, fakes):
    class Frameless(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            hidden.lengths[lengths < 5000] = 0
            return hidden

    report = run(Frameless())
    short = {content for content, samples in noise.lengths.items() if samples < 5000}
    assert report.excluded == dict.fromkeys(short, "too-short")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e42])
def test_features_that_are_not_finite_are_excluded_not_stored(run, noise, fakes, value):
    """The last value is finite, but its mean is not in float32."""
    length = sorted(noise.lengths.values())[-3]

    class Overflowing(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            layers = [layer.double() for layer in hidden.layers]
            layers[1][lengths == length, 0, 3] = value
            return type(hidden)(layers, hidden.lengths)

    report = run(Overflowing())
    bad = [content for content, samples in noise.lengths.items() if samples == length]
    assert report.excluded == dict.fromkeys(bad, "not-finite-features")
    with pytest.raises(StoreError, match="not-finite-features"):
        report.space.mean(bad[:1])
    rest = [content for content in noise.contents if content not in bad]
    assert np.isfinite(report.space.mean(rest)).all()
    assert run(fakes.BrokenEncoder()).excluded == report.excluded


def test_one_bad_window_excludes_the_utterance(run, noise, fakes):
    class BadLater(fakes.ConvEncoder):
        calls = 0

        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            self.calls += 1
            if self.calls == 2:
                hidden.layers[0][0, 0, 0] = np.inf
            return hidden

    longest = max(noise.lengths, key=noise.lengths.__getitem__)
    report = run(
        BadLater(window_samples=9000), contents=[longest], token_budget=1, second_moments=True
    )
    assert report.excluded == {longest: "not-finite-features"}


def test_what_was_encoded_before_an_error_is_kept(run, noise, fakes):
    class Failing(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            if len(self.batches) == 3:
                raise ValueError("a bug in the encoder")
            return super().forward(waveforms, lengths)

    failing = Failing()
    with pytest.raises(ValueError, match="a bug in the encoder"):
        run(failing, token_budget=100_000)
    done = sum(map(len, failing.batches))
    assert done > 0
    assert run(fakes.ConvEncoder(), token_budget=100_000).reused == done


def test_an_interrupt_keeps_what_was_encoded(run, fakes):
    class Interrupted(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().forward(waveforms, lengths)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), token_budget=100_000)
    assert run(fakes.ConvEncoder(), token_budget=100_000).reused > 0


def test_audio_that_is_gone_is_an_error_not_a_gap(noise, store, description, fakes):
    with pytest.raises(StoreError, match="missing"):
        extract(fakes.ConvEncoder(), description, ["0" * 64], noise.cache, store)


def test_known_lengths_spare_reading_the_audio_twice(run, noise, fakes, monkeypatch):
    read = []
    waveform = noise.cache.waveform
    monkeypatch.setattr(
        noise.cache, "waveform", lambda content: read.append(content) or waveform(content)
    )
    run(fakes.ConvEncoder(), lengths=noise.lengths)
    assert sorted(read) == sorted(noise.contents)


@pytest.mark.parametrize(
    ("breach", "message"),
    [
        (lambda layers, lengths: (layers[:2], lengths), "declares 3 layers"),
        (lambda layers, lengths: ([one[..., :4] for one in layers], lengths), "declares 3 layers"),
        (lambda layers, lengths: ([layers[0], layers[1][:, 1:], layers[2]], lengths), "declares"),
        (lambda layers, lengths: ([one[0] for one in layers], lengths), "declares 3 layers"),
        (lambda layers, lengths: (layers, lengths + 1), "from 0 to the number of frames"),
        (lambda layers, lengths: (layers, lengths[:, None]), "declares 3 layers"),
    ],
)
def test_an_encoder_that_breaks_its_contract_is_told(run, fakes, breach, message):
    class Wrong(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            return type(hidden)(*breach(hidden.layers, hidden.lengths))

    with pytest.raises(ParalbenchError, match=message):
        run(Wrong())


def test_preparing_must_keep_the_length(run, fakes):
    encoder = fakes.ConvEncoder(prepare=lambda waveform: waveform[1:])
    with pytest.raises(ParalbenchError, match="keep the length"):
        run(encoder)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "meta"])
def test_a_device_that_is_not_here_is_refused_by_name(run, fakes, device):
    with pytest.raises(ParalbenchError, match=f"device '{device}' is not on this machine: cpu"):
        run(fakes.ConvEncoder(), device=device)


def test_the_encoder_can_be_trained_afterwards(run, fakes):
    """Moving it in inference mode would make its weights unfit for gradients."""
    encoder = fakes.ConvEncoder()
    run(encoder, precision="bf16")
    assert not encoder.kernel.is_inference()
    (encoder.kernel.requires_grad_() * 2).sum().backward()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_features(run, noise, fakes, reference):
    report = run(fakes.ConvEncoder(), device="cuda", second_moments=True)
    assert relative(report.space.mean(noise.contents), reference[0]) < 1e-5
    assert report.peak_memory_bytes > 0
