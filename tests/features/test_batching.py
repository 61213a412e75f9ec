from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paralbench.errors import ParalbenchError
from paralbench.features.batching import SQUARE_FROM, Limits, Piece, padding_share, plan_batches

ANY = Limits("any", 400, 480_000)
LENGTHS = st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(1, 4000))


@given(LENGTHS, st.integers(1, 20_000), st.sampled_from(["any", "equal-length", "single"]))
def test_a_plan_holds_every_window_once_within_the_budget(lengths, budget, batching):
    limits = Limits(batching, min_samples=100, window_samples=1000)
    batches = plan_batches(lengths, budget, limits)
    covered = Counter()
    for batch in batches:
        sizes = [piece.samples for piece in batch]
        assert len(batch) * max(sizes) <= budget or len(batch) == 1
        if batching == "equal-length":
            assert len(set(sizes)) == 1
        if batching == "single":
            assert len(batch) == 1
        for piece in batch:
            covered[piece.content] += piece.samples
    assert covered == {content: n for content, n in lengths.items() if n >= 100}


@given(LENGTHS, st.randoms())
def test_the_order_of_the_request_does_not_matter(lengths, random):
    shuffled = list(lengths.items())
    random.shuffle(shuffled)
    assert plan_batches(dict(shuffled), 5000, ANY) == plan_batches(lengths, 5000, ANY)


def test_the_longest_come_first_and_neighbours_share_batches():
    lengths = {f"{n:03}": 1000 + 37 * n for n in range(100)}
    batches = plan_batches(lengths, 30_000, ANY)
    flat = [piece.samples for batch in batches for piece in batch]
    assert flat == sorted(flat, reverse=True)
    assert padding_share(batches) < 0.08
    shuffled = [batch[0] for batch in plan_batches(lengths, 1, ANY)]
    np.random.default_rng(0).shuffle(shuffled)
    naive = [shuffled[n : n + 10] for n in range(0, 100, 10)]
    assert padding_share(naive) > 0.25


def test_a_whole_batch_fits_the_budget_to_the_sample():
    sizes = [len(batch) for batch in plan_batches(dict.fromkeys("abcdef", 1000), 3000, ANY)]
    assert sizes == [3, 3]
    sizes = [len(batch) for batch in plan_batches(dict.fromkeys("abcdef", 1000), 2999, ANY)]
    assert sizes == [2, 2, 2]


def test_long_waveforms_weigh_by_their_square():
    """Attention's memory: batch * length ** 2 stays below budget * SQUARE_FROM."""
    limits = Limits("any", 400, 100 * SQUARE_FROM)
    budget = 12 * SQUARE_FROM
    for factor, wanted in ((1, 12), (2, 3), (3, 1)):
        lengths = dict.fromkeys("abcdefghijkl", factor * SQUARE_FROM)
        assert len(plan_batches(lengths, budget, limits)[0]) == wanted


def test_what_the_encoder_pads_by_itself_counts():
    padding = Limits("any", 400, 480_000, padded_samples=480_000)
    lengths = dict.fromkeys("abcdef", 8000)
    assert [len(batch) for batch in plan_batches(lengths, 960_000, padding)] == [2, 2, 2]


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ParalbenchError, match="token_budget"):
        plan_batches({"a": 1000}, 0, ANY)


def test_padding_of_no_batches_is_none():
    assert padding_share([]) == 0.0
    assert padding_share([(Piece("a", 0, 0, 5),)]) == 0.0
