"""The development part inside training."""

import numpy as np
import pytest

from paralbench.errors import SplitError
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check


def halves(frame, train, label="emotion", **settings):
    fit, chosen = development(frame, train, label, **settings)
    np.testing.assert_array_equal(np.sort(np.concatenate([fit, chosen])), np.sort(train))
    assert not set(fit) & set(chosen)
    assert check(frame, Fold("f", fit, chosen), settings.get("allow", ())) is not None
    return frame.iloc[fit], frame.iloc[chosen]


@pytest.mark.parametrize("n_speakers", [2, 4, 8, 30])
def test_speakers_are_disjoint_and_classes_on_both_sides(acted, n_speakers):
    frame = acted(n_speakers + 1)
    train = np.flatnonzero((frame["speaker"] != "s00").to_numpy(dtype=bool))
    fit, chosen = halves(frame, train)
    assert not set(fit["speaker"]) & set(chosen["speaker"])
    assert set(fit["emotion"]) == set(chosen["emotion"]) == {"anger", "fear", "neutral"}
    assert chosen["speaker"].nunique() == pytest.approx(max(1, 0.2 * n_speakers), abs=1)


@pytest.mark.parametrize("seed", range(4))
def test_a_speakers_attribute_is_on_both_sides(acted, seed):
    frame = acted(9)
    frame["gender"] = np.where(frame["speaker"].isin(["s03", "s07"]), "female", "male")
    fit, chosen = halves(frame, np.arange(len(frame)), "gender", seed=seed)
    assert set(fit["gender"]) == set(chosen["gender"]) == {"female", "male"}
    assert 2 <= chosen["speaker"].nunique() <= 3


@pytest.mark.parametrize("n_speakers", [11, 40])
def test_rare_classes_are_on_both_sides(acted, n_speakers):
    """Two classes that two speakers each have, among speakers who have all the others."""
    frame = acted(n_speakers)
    frame.loc[frame["utterance"].isin(["s01_fear_0", "s04_fear_0"]), "emotion"] = "joy"
    frame.loc[frame["utterance"].isin(["s02_fear_0", "s03_fear_0"]), "emotion"] = "shame"
    for seed in range(5):
        fit, chosen = halves(frame, np.arange(len(frame)), seed=seed)
        assert set(fit["emotion"]) == set(chosen["emotion"])
        assert 0.1 <= len(chosen) / len(frame) <= 0.3


def test_the_share_is_kept_by_utterances_where_speakers_differ_in_size(acted):
    frame = acted(20)
    frame = frame[(frame["speaker"] > "s04") | frame["utterance"].str.endswith("0")]
    _, chosen = halves(frame, np.arange(len(frame)), share=0.3)
    assert len(chosen) / len(frame) == pytest.approx(0.3, abs=0.1)
    for emotion in ("anger", "fear", "neutral"):
        share = (chosen["emotion"] == emotion).sum() / (frame["emotion"] == emotion).sum()
        assert share == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("n_speakers", [8, 25])
def test_the_seed_decides_among_equals(acted, n_speakers):
    frame = acted(n_speakers)
    train = np.arange(len(frame))
    first, again = (development(frame, train, "emotion", seed=3)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    chosen = {tuple(development(frame, train, "emotion", seed=seed)[1]) for seed in range(6)}
    assert len(chosen) > 1
    shuffled = frame.sample(frac=1, random_state=0)
    other = shuffled.iloc[development(shuffled, train, "emotion", seed=3)[1]]
    assert set(other["utterance"]) == set(frame["utterance"].iloc[first])


def test_it_is_not_always_the_speaker_whose_size_fits_best(acted):
    """Eight speakers, one of whom holds just a fifth: others take their turn."""
    frame = acted(8, clips=8)
    frame = frame[(frame["speaker"] != "s00") | frame["utterance"].str.endswith(("0", "1", "2"))]
    chosen = [
        set(
            frame["speaker"].iloc[
                development(frame, np.arange(len(frame)), "emotion", seed=seed)[1]
            ]
        )
        for seed in range(12)
    ]
    assert len(set.union(*chosen)) >= 6
    assert all(len(one) <= 3 for one in chosen)


def test_numbers_are_divided_by_speakers_too(acted):
    frame = acted(10)
    fit, chosen = halves(frame, np.arange(len(frame)), "arousal")
    assert not set(fit["speaker"]) & set(chosen["speaker"])
    assert len(chosen) / len(frame) == pytest.approx(0.2, abs=0.1)
    assert abs(fit["arousal"].mean() - chosen["arousal"].mean()) < 0.2


def test_partners_of_a_session_stay_together(acted):
    frame = acted(8)
    frame["session"] = frame["speaker"].map(lambda name: f"session{int(name[1:]) // 2}")
    fit, chosen = halves(frame, np.arange(len(frame)))
    assert not set(fit["session"]) & set(chosen["session"])
    frame["session"] = "studio"
    with pytest.raises(SplitError, match=r"8 training speakers are linked .* `split\.leaks`"):
        development(frame, np.arange(len(frame)), "emotion")
    halves(frame, np.arange(len(frame)), allow=("session",))


def test_a_recording_under_two_speakers_keeps_them_together(acted):
    frame = acted(3)
    same = frame["utterance"].isin(["s00_fear_0", "s01_anger_2"])
    frame.loc[same, "content"] = "the same"
    for seed in range(4):
        _, chosen = halves(frame, np.arange(len(frame)), seed=seed)
        assert set(chosen["speaker"]) in ({"s02"}, {"s00", "s01"})


def test_a_speaker_stays_whole_even_where_speakers_may_leak(acted):
    frame = acted(4)
    fit, chosen = halves(frame, np.arange(len(frame)), allow=("speaker", "session", "content"))
    assert not set(fit["speaker"]) & set(chosen["speaker"])


FIXED = "Declare `selection: fixed` on the task card"


def test_what_cannot_be_divided_says_what_to_declare(acted):
    frame = acted(4)
    everything = np.arange(len(frame))
    with pytest.raises(SplitError, match=f"the training part has one speaker, .*{FIXED}"):
        development(frame, everything[:12], "emotion")
    frame["voice"] = frame["speaker"]
    with pytest.raises(SplitError, match=rf"one training speaker, .* s00 \(s00\), s01 .*{FIXED}"):
        development(frame, everything, "voice")
    frame.loc[frame.index[:5], "speaker"] = None
    with pytest.raises(SplitError, match=f"5 of 48 training utterances have no speaker, .*{FIXED}"):
        development(frame, everything, "emotion")


def test_impossible_although_every_class_has_two_speakers(make_frame):
    pairs = ["ab", "bc", "ca"]
    rows = [
        {"utterance": f"{pair}{label}", "speaker": pair, "label": label}
        for pair in pairs
        for label in pair
    ]
    with pytest.raises(SplitError, match=f"no division of the 3 training speakers .*{FIXED}"):
        development(make_frame(rows), np.arange(6), "label")


def test_share_out_of_range(acted):
    with pytest.raises(ValueError, match="share: 1 is not between"):
        development(acted(2), np.arange(24), "emotion", 1)
