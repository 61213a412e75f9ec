"""Samples in equal shares that hardly move when files are added."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paralbench.errors import SplitError
from paralbench.splits.sample import _equal_shares, sample


def test_equal_shares_of_classes_spread_over_speakers(acted):
    frame = acted(5, clips=10)
    chosen = frame.iloc[sample(frame, 45, "emotion", seed=0)]
    assert chosen["emotion"].value_counts().to_dict() == {"anger": 15, "fear": 15, "neutral": 15}
    assert set(chosen.groupby(["emotion", "speaker"], observed=True).size()) == {3}


def test_columns_together_make_the_classes(acted):
    frame = acted(6, clips=10)
    chosen = frame.iloc[sample(frame, 60, ["emotion", "gender"], seed=0)]
    assert set(chosen.groupby(["emotion", "gender"]).size()) == {10}


def test_small_classes_leave_their_share_to_others(acted):
    frame = acted(5, clips=10)
    frame = frame[(frame["emotion"] != "fear") | frame["utterance"].str.endswith("0")]
    chosen = frame.iloc[sample(frame, 45, "emotion", seed=0)]
    assert chosen["emotion"].value_counts().to_dict() == {"anger": 20, "neutral": 20, "fear": 5}


def test_the_order_of_rows_changes_nothing_and_the_seed_does(acted):
    frame = acted(5, clips=10)
    names = set(frame["utterance"].iloc[sample(frame, 40, "emotion", seed=0)])
    shuffled = frame.sample(frac=1, random_state=0)
    assert set(shuffled["utterance"].iloc[sample(shuffled, 40, "emotion", seed=0)]) == names
    assert set(frame["utterance"].iloc[sample(frame, 40, "emotion", seed=1)]) != names


def test_further_files_change_little(acted):
    frame = acted(5, clips=30)
    small = frame[frame["utterance"] != "s02_fear_7"]
    names = [set(one["utterance"].iloc[sample(one, 150, "emotion", 0)]) for one in (frame, small)]
    assert len(names[0] ^ names[1]) <= 2


def test_more_than_there_is_takes_all_that_is_labelled(acted):
    frame = acted(2)
    frame.loc[frame.index[:3], "emotion"] = None
    chosen = sample(frame, 1000, "emotion", seed=0)
    np.testing.assert_array_equal(chosen, np.arange(3, 24))


def test_unknown_speakers_are_sampled_all_the_same(acted):
    frame = acted(4, clips=10)
    frame["speaker"] = None
    chosen = frame.iloc[sample(frame, 30, "emotion", seed=0)]
    assert set(chosen["emotion"].value_counts()) == {10}


def test_bad_requests(acted):
    with pytest.raises(SplitError, match="no column 'mood'"):
        sample(acted(2), 5, "mood", seed=0)
    with pytest.raises(ValueError, match="n: 0 is not allowed"):
        sample(acted(2), 0, "emotion", seed=0)


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8), n=st.integers(1, 200))
def test_shares_are_as_equal_as_can_be(sizes, n):
    quota = _equal_shares(sizes, n)
    assert sum(quota) == min(n, sum(sizes))
    assert all(0 <= one <= size for one, size in zip(quota, sizes, strict=True))
    # Only an exhausted class has more than one less than another.
    assert all(one == size or one >= max(quota) - 1 for one, size in zip(quota, sizes, strict=True))
