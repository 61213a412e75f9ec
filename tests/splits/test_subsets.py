"""Shares of the training speakers for learning curves."""

from itertools import pairwise

import numpy as np
import pytest

from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.subsets import subsets

SHARES = (0.1, 0.25, 0.5, 1.0)
EMOTIONS = {"anger", "fear", "neutral"}


def fold_of(frame, tested=("s00", "s01")):
    test = frame["speaker"].isin(tested).to_numpy(dtype=bool)
    return Fold("f", np.flatnonzero(~test), np.flatnonzero(test))


def draw(frame, shares=SHARES, label="emotion", seed=0, **more):
    return subsets(frame, fold_of(frame), label, shares, seed, **more)


def test_subsets_are_nested_whole_speakers_of_every_class(acted):
    frame = acted(42)
    fold = fold_of(frame)
    found = draw(frame)
    assert [one.share for one in found] == [0.1, 0.25, 0.5, 1.0]
    np.testing.assert_array_equal(found[-1].rows, fold.train)
    for one, larger in pairwise(found):
        assert one.reason is None
        assert set(one.rows) < set(larger.rows)
        assert len(one.rows) / len(fold.train) == pytest.approx(one.share, rel=0.5)
        part = frame.iloc[one.rows]
        assert set(part["emotion"]) == EMOTIONS
        whole = frame.iloc[fold.train]["speaker"].value_counts()
        assert (part["speaker"].value_counts() == whole[part["speaker"].unique()]).all()
        assert (np.diff(one.rows) > 0).all()
        fit, chosen = development(frame, one.rows, "emotion")
        assert len(fit)
        assert len(chosen)


def test_the_seed_decides_and_the_order_of_rows_does_not(acted):
    frame = acted(22)
    first, again, other = (draw(frame, seed=seed) for seed in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.rows, two.rows)
    assert any(set(a.rows) != set(b.rows) for a, b in zip(first, other, strict=True))
    shuffled = frame.sample(frac=1, random_state=0)
    for one, two in zip(first, draw(shuffled), strict=True):
        names = set(frame["utterance"].iloc[one.rows])
        assert names == set(shuffled["utterance"].iloc[two.rows])


def test_shares_for_which_there_are_too_few_speakers_are_left_out_with_a_reason(acted):
    found = {one.share: one for one in draw(acted(6))}  # four training speakers
    assert found[0.5].reason is None
    assert acted(6)["speaker"].iloc[found[0.5].rows].nunique() == 2
    for share in (0.1, 0.25):  # of one speaker no development part can be kept apart
        assert found[share].rows is None
        assert found[share].reason.startswith("speakers are too few")


def test_where_nothing_is_selected_one_speaker_is_enough(acted):
    frame = acted(6)
    found = {one.share: one for one in draw(frame, development_share=None)}
    assert frame["speaker"].iloc[found[0.25].rows].nunique() == 1
    assert found[0.1].rows is None  # a quarter is no tenth
    assert "too few" in found[0.1].reason


def test_a_fold_with_its_own_development_part_needs_no_other(acted):
    frame = acted(8)
    base = fold_of(frame)
    is_development = frame["speaker"].iloc[base.train].isin(["s02", "s03"]).to_numpy(dtype=bool)
    fold = Fold("f", base.train[~is_development], base.test, base.train[is_development])
    (quarter,) = subsets(frame, fold, "emotion", [0.25], 0)
    assert set(quarter.rows) < set(fold.train)
    assert frame["speaker"].iloc[quarter.rows].nunique() == 1


def test_every_class_of_speakers_is_in_each_subset(acted):
    frame = acted(42)
    for one in draw(frame, label="gender", shares=(0.1, 0.3)):
        part = frame.iloc[one.rows]
        by_gender = part.groupby("gender")["speaker"].nunique()
        assert by_gender.min() >= 2  # so that a development part can have both
        assert set(by_gender.index) == {"female", "male"}


def test_partners_of_a_session_stay_together_unless_the_card_lets_them_part(acted):
    frame = acted(42)
    frame["session"] = frame["speaker"].map(lambda name: f"session{int(name[1:]) // 2}")
    for one in draw(frame):
        inside = set(frame["session"].iloc[one.rows])
        rest = np.setdiff1d(fold_of(frame).train, one.rows)
        assert not inside & set(frame["session"].iloc[rest])
    assert all(one.rows is not None for one in draw(frame, allow=("session",)))


def test_numbers_are_drawn_by_speaker_too(acted):
    frame = acted(42)
    quarter, _ = draw(frame, shares=(0.25, 0.5), label="arousal")
    assert len(quarter.rows) / len(fold_of(frame).train) == pytest.approx(0.25, abs=0.1)


def test_unknown_speakers_cannot_be_drawn(acted):
    frame = acted(10)
    frame.loc[30, "speaker"] = None
    found = draw(frame)
    assert [one.reason for one in found] == ["speakers unknown"] * 3 + [None]


@pytest.mark.parametrize("share", [0, 1.5, -0.1])
def test_a_share_that_is_none_is_refused(acted, share):
    with pytest.raises(ValueError, match="not above 0 and at most 1"):
        draw(acted(10), shares=(share,))
