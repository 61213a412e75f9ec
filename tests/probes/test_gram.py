"""Sums of classes: what is added and subtracted is what is summed at once."""

import numpy as np
import pytest
import torch

from paralbench.probes.gram import GramCache, Parts, class_weights, gram_of, moments_of
from paralbench.probes.target import Target

MEMORY = 1 << 30


def made(seed=0, n=60, dim=5, n_classes=4, mean=3.0):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(mean + rng.normal(size=(n, dim)))
    return x, rng.integers(0, n_classes - 1, n)  # the last class does not occur


def same(one, other, rtol=1e-9):
    for name in ("count", "total", "product"):
        left, right = getattr(one, name).double(), getattr(other, name).double()
        torch.testing.assert_close(left, right, rtol=rtol, atol=rtol * float(right.abs().max()))


def covariance(moments):
    """The weighted covariance about the weighted mean, and the unweighted mean."""
    weights = class_weights(moments.count)
    n = moments.count.sum()
    mean = (weights[:, None] * moments.total).sum(0) / n
    about = moments.weighted / n - mean[:, None] * mean
    return about.numpy(), (moments.offset + moments.total.sum(0) / n).numpy()


def weighted_covariance(x, labels, n_classes=4):
    x = x.numpy()
    weights = Target.of_classes(labels, n_classes).class_weights(np.arange(len(x)))[labels]
    return np.cov(x.T, aweights=weights, ddof=0), x.mean(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_sums_of_each_class(dtype):
    x, labels = made()
    x = x.to(dtype)
    gram = gram_of(x, labels, 4)
    centred = x.double().numpy() - x.double().numpy().mean(0)
    for k in range(4):
        some = centred[labels == k]
        assert gram.count[k] == len(some)
        np.testing.assert_allclose(gram.total[k], some.sum(0), atol=1e-12)
        np.testing.assert_allclose(gram.product[k], some.T @ some, atol=1e-12)
    np.testing.assert_allclose(gram.square, (centred**2).sum(0))


def test_parts_add_and_subtract_wherever_their_offsets_are():
    x, labels = made()
    whole = gram_of(x, labels, 4)
    one, other = gram_of(x[:25], labels[:25], 4), gram_of(x[25:], labels[25:], 4)
    same((one + other).about(whole.offset), whole)
    same((whole - one).about(other.offset), other)


def test_of_a_class_that_is_subtracted_nothing_is_left():
    x, labels = made()
    rest = gram_of(x, labels, 4) - gram_of(x[labels == 1], labels[labels == 1], 4)
    assert rest.count[1] == 0
    assert rest.total[1].tolist() == [0] * 5
    assert not rest.product[1].any()


def test_what_is_not_there_cannot_be_subtracted():
    x, labels = made()
    with pytest.raises(ValueError, match="not in the sums"):
        gram_of(x[:25], labels[:25], 4) - gram_of(x, labels, 4)


def test_some_classes_only():
    x, labels = made()
    kept = np.isin(labels, [0, 2])
    whole = gram_of(x, labels, 4)
    same(whole.only([0, 2]), gram_of(x[kept], labels[kept], 4, offset=whole.offset))


@pytest.mark.parametrize("mean", [0.0, 1e5])
def test_moments_are_the_weighted_covariance(mean):
    x, labels = made(mean=mean)
    expected = weighted_covariance(x, labels)
    for found in (gram_of(x, labels, 4).moments(), moments_of(x, labels, 4)):
        for one, other in zip(covariance(found), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
        centred = x - found.offset
        np.testing.assert_allclose(found.square, centred.square().sum(0))


def test_the_weights_are_scikit_learns_balanced():
    counts = torch.tensor([2, 0, 6])
    assert class_weights(counts).tolist() == [8 / (2 * 2), 0.0, 8 / (2 * 6)]


@pytest.mark.parametrize("memory", [MEMORY, 0])
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.arange(10, 40), id="most of it"),
        pytest.param(np.arange(10, 16), id="little of it"),
        pytest.param(np.arange(40), id="all of it"),
        pytest.param(np.arange(30, 55), id="no part of it"),
    ],
)
def test_any_part(rows, memory):
    x, labels = made()
    wholes = [np.arange(40), np.arange(20, 60)]
    parts = Parts(x, labels, 4, wholes, memory)
    parts.moments(np.arange(30, 60), wholes[1])  # the other fold goes first
    found = covariance(parts.moments(rows, wholes[0]))
    for one, other in zip(found, weighted_covariance(x[rows], labels[rows]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_part_keeps_its_digits_where_the_rest_is_far_away():
    x, labels = made()
    x[40:, 0] = 1e8  # products of 1e16: nothing of a variance of 1 is left beside them
    x[40:, 1] = x[40:, 1] * 1e5
    rows = np.arange(40)
    parts = Parts(x, labels, 4, [np.arange(60)], MEMORY)
    found = covariance(parts.moments(rows, np.arange(60)))
    for one, other in zip(found, weighted_covariance(x[rows], labels[rows]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_labels_and_features_outside_training_are_not_read():
    x, labels = made()
    x[50:] = np.nan
    labels[50:] = 99
    found = Parts(x, labels, 4, [np.arange(50)], MEMORY).moments(np.arange(45), np.arange(50))
    assert torch.isfinite(found.weighted).all()


def test_the_cache_knows_a_gram_by_its_content():
    x, labels = made()
    cache = GramCache(MEMORY)
    first = gram_of(x, labels, 4, cache=cache)
    assert gram_of(x.clone(), labels.copy(), 4, cache=cache) is first
    assert len(cache) == 1
    assert cache.n_bytes == first.n_bytes == 8 * (5 + 4 + 4 * 5 + 4 * 5 * 5)
    changed = x.clone()
    changed[3, 2] += 1e-9
    others = [
        gram_of(changed, labels, 4, cache=cache),
        gram_of(x, np.roll(labels, 1), 4, cache=cache),
        gram_of(x, labels, 5, cache=cache),
        gram_of(x, labels, 4, offset=torch.zeros(5, dtype=torch.float64), cache=cache),
    ]
    assert len(cache) == 1 + len(others)
    same(gram_of(changed, labels, 4), others[0])


def test_parts_that_share_utterances_share_what_is_cached():
    x, labels = made()
    cache = GramCache(MEMORY)
    wholes = [np.arange(40), np.arange(20, 60)]
    rows = np.arange(5, 40)
    plain = Parts(x, labels, 4, wholes, MEMORY).moments(rows, wholes[0])
    first = Parts(x, labels, 4, wholes, MEMORY, cache).moments(rows, wholes[0])
    assert len(cache) == 3  # of all, of what the fold leaves out, and of what the part leaves out
    again = Parts(x + 0, labels, 4, wholes[:1], MEMORY, cache).moments(rows, wholes[0])
    assert len(cache) == 4  # all is now the fold
    for found in (first, again):
        for one, other in zip(covariance(found), covariance(plain), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_cache_lets_go_what_was_not_used_for_longest():
    grams = [gram_of(*made(seed), 4) for seed in range(4)]
    cache = GramCache(3 * grams[0].n_bytes)
    for name, gram in zip(b"abc", grams, strict=False):
        cache.put(bytes([name]), gram)
    assert cache.get(b"a") is grams[0]
    cache.put(b"d", grams[3])
    assert [cache.get(key) is not None for key in (b"a", b"b", b"c", b"d")] == [1, 0, 1, 1]
    assert cache.n_bytes == 3 * grams[0].n_bytes
    cache.put(b"e", gram_of(*made(dim=50), 4))  # larger than all the cache
    assert cache.get(b"e") is None
    assert len(cache) == 3
