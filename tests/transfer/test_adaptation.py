"""Adaptation without labels: against a case by hand, and against scipy's matrix powers."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import fractional_matrix_power
from sklearn.preprocessing import StandardScaler

from paralbench.errors import ProbeError
from paralbench.transfer.adaptation import adapt, by_corpus, coral


def correlated(rng, n, dim, strength):
    """Features whose dimensions are correlated, with means and deviations of their own."""
    mixed = rng.normal(size=(n, dim)) @ (np.eye(dim) + strength * rng.normal(size=(dim, dim)))
    return (mixed * rng.uniform(0.5, 3, dim) + rng.normal(size=dim)).astype(np.float32)


def sides(features, n_train):
    corpora = np.array(["a/a"] * n_train + ["b/b"] * (len(features) - n_train))
    return corpora, corpora == "b/b"


def test_two_dimensions_by_hand():
    """Training dimensions without correlation get the tested ones' correlation of 0.6.

    The root of [[1, .6], [.6, 1]] has the eigenvalues sqrt(1.6) and sqrt(0.4), that is
    [[r, s], [s, r]] with r = (sqrt(1.6) + sqrt(0.4)) / 2 and s = (sqrt(1.6) - sqrt(0.4)) / 2.
    """
    train = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float32)
    # Four times (1, 1) and (-1, -1), once (1, -1) and (-1, 1): variances 1, correlation 0.6.
    test = np.array([[1, 1], [-1, -1]] * 4 + [[1, -1], [-1, 1]], dtype=np.float32)
    features = np.concatenate([5 + 3 * train, test])[:, None, :]
    found = coral(features, *sides(features, 4), shrinkage=0.0)[:, 0]
    r, s = 0.5 * (1.6**0.5 + 0.4**0.5), 0.5 * (1.6**0.5 - 0.4**0.5)
    np.testing.assert_allclose(found[:4], train @ [[r, s], [s, r]], atol=1e-6)
    np.testing.assert_allclose(found[4:], test, atol=1e-6)
    # The authors' regularisation adds the identity: 1 + I and correlation 0.6 / 2.
    half = coral(features, *sides(features, 4))[:, 0]
    r, s = 0.5 * (1.3**0.5 + 0.7**0.5), 0.5 * (1.3**0.5 - 0.7**0.5)
    np.testing.assert_allclose(half[:4], train @ [[r, s], [s, r]], atol=1e-6)


@pytest.mark.parametrize(("n_train", "n_test"), [(60, 80), (60, 5), (4, 80), (4, 5)])
@pytest.mark.parametrize("shrinkage", [0.5, 0.1])
def test_coral_is_the_authors_formula(n_train, n_test, shrinkage):
    """With scipy's matrix powers, also where a side has fewer utterances than dimensions."""
    rng = np.random.default_rng(0)
    parts = [[correlated(rng, n, 8, 0.5) for _ in range(2)] for n in (n_train, n_test)]
    features = np.concatenate([np.stack(layers, axis=1) for layers in parts])
    found = coral(features, *sides(features, n_train), shrinkage=shrinkage)
    for layer in range(2):
        train, test = (StandardScaler().fit_transform(one[layer]) for one in parts)
        powers = [
            fractional_matrix_power(
                (1 - shrinkage) * side.T @ side / len(side) + shrinkage * np.eye(8), power
            )
            for side, power in ((train, -0.5), (test, 0.5))
        ]
        np.testing.assert_allclose(found[:n_train, layer], train @ powers[0] @ powers[1], atol=2e-5)
        np.testing.assert_allclose(found[n_train:, layer], test, atol=2e-6)


def test_without_shrinkage_the_correlations_become_the_tested_ones():
    rng = np.random.default_rng(1)
    features = np.concatenate([correlated(rng, 300, 6, 1.0), correlated(rng, 200, 6, 0.2)])
    found = coral(features[:, None, :], *sides(features, 300), shrinkage=0.0)[:, 0]
    aligned = found[:300].T @ found[:300] / 300
    np.testing.assert_allclose(aligned, np.corrcoef(features[300:].T), atol=1e-5)


def test_each_training_corpus_is_aligned_by_itself():
    rng = np.random.default_rng(2)
    parts = [correlated(rng, n, 5, 0.7) for n in (40, 30, 50)]
    features = np.concatenate(parts)[:, None, :]
    corpora = np.array(["a/a"] * 40 + ["b/b"] * 30 + ["c/c"] * 50)
    both = coral(features, corpora, corpora == "c/c")
    for start, end in ((0, 40), (40, 70)):
        rows = np.r_[start:end, 70:120]
        alone = coral(features[rows], corpora[rows], corpora[rows] == "c/c")
        np.testing.assert_array_equal(both[rows], alone)


def test_by_corpus_is_a_standard_scaler_for_each():
    rng = np.random.default_rng(3)
    features = np.stack([correlated(rng, 50, 4, 0.5) for _ in range(3)], axis=1)
    features[:20, 1, 2] = 7.0  # a dimension that one corpus does not vary
    corpora = np.array(["a/a"] * 20 + ["b/b"] * 30)
    found = by_corpus(features, corpora)
    for rows in (slice(0, 20), slice(20, 50)):
        for layer in range(3):
            expected = StandardScaler().fit_transform(features[rows, layer].astype(np.float64))
            np.testing.assert_allclose(found[rows, layer], expected, atol=2e-6)
    assert (found[:20, 1, 2] == 0).all()
    assert found.dtype == np.float32


def frame_of(*parts):
    rows = [(domain, corpus) for domain, corpus, n in parts for _ in range(n)]
    return pd.DataFrame(rows, columns=["domain", "corpus"])


def test_domains_of_one_corpus_are_told_apart():
    """Fillets in Czech and in Dutch are one corpus and two sides."""
    rng = np.random.default_rng(4)
    frame = frame_of(("cs", "fillets", 10), ("nl", "fillets", 12), ("x", "other", 9))
    features = rng.normal(size=(31, 1, 3)).astype(np.float32)
    found = adapt("corpus", features, frame, np.arange(10, 22))
    np.testing.assert_allclose(found[:10].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found[10:22].mean(axis=0), 0, atol=1e-6)
    corpora = np.repeat(["cs/fillets", "nl/fillets", "x/other"], [10, 12, 9])
    expected = coral(features, corpora, corpora == "nl/fillets")
    # The target is all of the tested domain, whichever of its utterances a fold tests.
    np.testing.assert_array_equal(adapt("coral", features, frame, np.array([12, 15])), expected)


def test_a_corpus_of_one_utterance_is_refused():
    frame = frame_of(("a", "one", 1), ("b", "two", 4))
    with pytest.raises(ProbeError, match=r"one has one utterance here, .* --normalisations none"):
        adapt("corpus", np.ones((5, 1, 2), np.float32), frame, np.arange(1, 5))
