import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.moments import mix_variance, pairs, unpack
from paralbench.features.pooling import masked_sums, merge, pool
from paralbench.features.sizes import moments_bytes
from paralbench.upstreams.base import HiddenStates

LAYERS, DIM = 5, 7


def frames_of(lengths, seed=0, offset=100.0):
    """Frames ``(layers, frames, dim)`` of utterances: correlated layers, large offsets."""
    random = np.random.default_rng(seed)
    shared = [random.normal(size=(1, n, DIM)) for n in lengths]
    return [
        (one + 0.5 * random.normal(size=(LAYERS, one.shape[1], DIM)) + offset).astype(np.float32)
        for one in shared
    ]


def batch_of(utterances, padding=np.nan, dtype=torch.float32):
    """A batch whose padded frames hold what must not be read."""
    longest = max(one.shape[1] for one in utterances)
    layers = np.full((LAYERS, len(utterances), longest, DIM), padding, np.float32)
    for row, one in enumerate(utterances):
        layers[:, row, : one.shape[1]] = one
    lengths = torch.tensor([one.shape[1] for one in utterances])
    return HiddenStates(list(torch.from_numpy(layers).to(dtype)), lengths)


def covariances(frames):
    """Reference: numpy's population covariance between layers, dimension by dimension."""
    wide = frames.astype(np.float64)
    return np.stack(
        [np.cov(wide[:, :, d], bias=True).reshape(LAYERS, LAYERS) for d in range(DIM)], axis=-1
    )


def test_means_over_valid_frames_in_a_padded_batch():
    utterances = frames_of([50, 1, 23])
    pooled = pool(batch_of(utterances))
    for one, frames in zip(pooled, utterances, strict=True):
        assert one.frames == frames.shape[1]
        np.testing.assert_allclose(one.mean, frames.astype(np.float64).mean(1), rtol=1e-13)
        assert one.moments is None


def test_an_utterance_is_pooled_to_the_bit_alone_and_padded():
    utterances = frames_of([200, 31, 77, 200])
    together = pool(batch_of(utterances), second_moments=True)
    for frames, one in zip(utterances, together, strict=True):
        (alone,) = pool(batch_of([frames]), second_moments=True)
        assert np.array_equal(one.mean.astype(np.float32), alone.mean.astype(np.float32))
        assert np.array_equal(one.moments.astype(np.float32), alone.moments.astype(np.float32))


def test_the_sums_of_other_devices_are_those_of_the_processor():
    utterances = frames_of([40, 3, 22])
    hidden = batch_of(utterances, padding=np.inf)
    for layer, frames in zip(hidden.layers, zip(*utterances, strict=True), strict=True):
        sums = masked_sums(layer, hidden.lengths, torch.float64)
        wanted = np.stack([one.astype(np.float64).sum(0) for one in frames])
        np.testing.assert_allclose(sums.numpy(), wanted, rtol=1e-13)


def test_half_precision_frames_are_summed_without_loss():
    """1500 frames near 100 in float16, whose own sum would pass 65504."""
    frames = frames_of([1500])[0].astype(np.float16).astype(np.float32)
    (pooled,) = pool(batch_of([frames], dtype=torch.float16))
    np.testing.assert_allclose(pooled.mean, frames.astype(np.float64).mean(1), rtol=1e-13)


def test_the_mean_of_a_mix_is_the_mix_of_the_means():
    frames = frames_of([333])[0].astype(np.float64)
    weights = np.random.default_rng(3).dirichlet(np.ones(LAYERS))
    (pooled,) = pool(batch_of([frames.astype(np.float32)]))
    of_mix = np.einsum("l,ltd->td", weights, frames).mean(0)
    np.testing.assert_allclose(weights @ pooled.mean, of_mix, rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 400])
def test_second_moments_are_population_covariances(length):
    frames = frames_of([length])[0]
    (pooled,) = pool(batch_of([frames, *frames_of([450], 1)]), second_moments=True)[:1]
    full = unpack(pooled.moments)
    assert full.shape == (LAYERS, LAYERS, DIM)
    np.testing.assert_allclose(full, covariances(frames), rtol=1e-9, atol=1e-12)


def test_moments_computed_in_blocks_of_dimensions_are_the_same(monkeypatch):
    frames = frames_of([100])
    (whole,) = pool(batch_of(frames), second_moments=True)
    monkeypatch.setattr("paralbench.features.pooling._MOMENT_ELEMENTS", 3 * 100 * LAYERS)
    (blocks,) = pool(batch_of(frames), second_moments=True)
    np.testing.assert_allclose(blocks.moments, whole.moments, rtol=1e-13)


def test_the_deviation_of_a_mix_follows_from_what_is_stored():
    """From float32, as stored, against numpy's deviation over the mixed frames."""
    frames = frames_of([700], offset=1000.0)[0]
    (pooled,) = pool(batch_of([frames]), second_moments=True)
    stored = pooled.moments.astype(np.float32)
    for seed in range(20):
        weights = np.random.default_rng(seed).dirichlet(np.ones(LAYERS) / 2)
        mix = np.einsum("l,ltd->td", weights, frames.astype(np.float64))
        np.testing.assert_allclose(np.sqrt(mix_variance(weights, stored)), mix.std(0), rtol=1e-6)


def test_a_mix_without_variance_has_none():
    constant = np.tile(frames_of([1])[0], (1, 9, 1))
    (pooled,) = pool(batch_of([constant]), second_moments=True)
    assert np.abs(mix_variance(np.ones(LAYERS), pooled.moments)).max() == 0.0


@pytest.mark.parametrize("cuts", [[100], [1, 2], [13, 13, 200], [50, 100, 150, 200, 250]])
def test_windows_merge_into_the_statistics_of_the_whole(cuts):
    """The third case has an empty window: an encoder may give no frame for it."""
    frames = frames_of([300], offset=1000.0)[0]
    (whole,) = pool(batch_of([frames]), second_moments=True)
    windows = np.split(frames, cuts, axis=1)
    parts = [pool(batch_of([one]), second_moments=True)[0] for one in windows if one.shape[1]]
    if len(cuts) == 3:
        empty = HiddenStates(
            [layer[None, :0] for layer in torch.from_numpy(frames)],
            torch.zeros(1, dtype=torch.int64),
        )
        parts.insert(1, pool(empty, second_moments=True)[0])
    merged = merge(parts)
    assert merged.frames == 300
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.moments, whole.moments, rtol=1e-9)


def test_what_is_not_finite_says_so():
    frames = frames_of([20, 20])
    frames[1][2, 3, 4] = np.nan
    good, bad = pool(batch_of(frames), second_moments=True)
    assert good.finite
    assert not bad.finite
    frames[1][2, 3, 4] = np.inf
    assert not merge(pool(batch_of(frames))).finite
    with pytest.raises(ParalbenchError, match="no windows"):
        merge([])


def test_sizes_are_told_before_anything_is_written():
    assert moments_bytes(1000, 25, 1024) == 1000 * 325 * 1024 * 4
    first, second = pairs(3)
    assert list(zip(first, second, strict=True)) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
