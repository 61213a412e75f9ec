"""Each protocol on hand-made manifests, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

from paralbench.cards.task import Split
from paralbench.errors import SplitError
from paralbench.splits.gate import check
from paralbench.splits.protocols import make_folds

EMOTIONS = ("anger", "fear", "neutral")
LOSO = Split(protocol="leave-one-speaker-out")


def folds_of(frame, split, label="emotion", classes=EMOTIONS, folder=Path()):
    return make_folds(frame, split, label, classes, folder)


def k_fold(folds, seed=0, **settings):
    return Split(protocol="speaker-k-fold", folds=folds, seed=seed, **settings)


def test_leave_one_speaker_out_is_scikit_learns(acted):
    frame = acted(5).sample(frac=1, random_state=0)  # rows in another order, index labels kept
    folds = folds_of(frame, LOSO)
    expected = LeaveOneGroupOut().split(frame, groups=frame["speaker"].to_numpy(dtype=object))
    assert [fold.name for fold in folds] == ["s00", "s01", "s02", "s03", "s04"]
    for fold, (train, test) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)
        assert fold.development is None
        assert check(frame, fold) == []


def test_leave_one_session_out(acted):
    frame = acted(4)
    frame["session"] = frame["speaker"].map({"s00": "a", "s01": "a", "s02": "b", "s03": "b"})
    folds = folds_of(frame, Split(protocol="leave-one-session-out"))
    assert [fold.name for fold in folds] == ["a", "b"]
    assert set(frame["speaker"].iloc[folds[0].test]) == {"s00", "s01"}


def test_leave_one_out_of_a_column(acted):
    frame = acted(4)
    frame["language"] = frame["speaker"].map({"s00": "cs", "s01": "cs", "s02": "nl", "s03": "nl"})
    folds = folds_of(frame, Split(protocol="leave-one-out", column="language"))
    assert [fold.name for fold in folds] == ["cs", "nl"]
    with pytest.raises(SplitError, match=r"no column 'town' to split by; there are utterance, "):
        folds_of(frame, Split(protocol="leave-one-out", column="town"))


def test_official(acted):
    frame = acted(6)
    parts = {"s00": "test", "s01": "test", "s02": "development"}
    frame["split"] = frame["speaker"].map(lambda name: parts.get(name, "train"))
    (fold,) = folds_of(frame, Split(protocol="official"))
    assert fold.name == "official"
    for part, rows in fold.parts().items():
        assert set(frame["split"].iloc[rows]) == {part}
    assert len(fold.train) + len(fold.development) + len(fold.test) == len(frame)
    without = frame[frame["split"] != "development"]
    (fold,) = folds_of(without, Split(protocol="official"))
    assert fold.development is None


def test_official_where_the_owners_keep_the_test_labels(acted):
    frame = acted(3)
    frame["split"] = ["train"] * 24 + ["development"] * 12
    split = Split(protocol="official", test="development")
    (fold,) = make_folds(frame, split, "emotion", EMOTIONS, Path())
    assert fold.name == "official, development as test"
    assert (fold.train.tolist(), fold.test.tolist()) == ([*range(24)], [*range(24, 36)])
    assert fold.development is None
    frame.loc[range(12), "split"] = "test"  # with test labels it is the plain split
    (fold,) = make_folds(frame, split, "emotion", EMOTIONS, Path())
    assert (fold.name, len(fold.test), len(fold.development)) == ("official", 12, 12)


def test_official_where_the_owners_give_none(acted):
    frame = acted(4)
    with pytest.raises(SplitError, match="no official split; choose another protocol"):
        folds_of(frame, Split(protocol="official"))
    frame["split"] = ["train"] * 40 + ["test2"] * 5 + [None] * 3
    with pytest.raises(SplitError, match="3 of 48 utterances in no part and parts named test2"):
        folds_of(frame, Split(protocol="official"))
    frame["split"] = "train"
    with pytest.raises(SplitError, match="fold 'official' has no test utterances"):
        folds_of(frame, Split(protocol="official"))


@pytest.mark.parametrize(
    ("protocol", "column"),
    [
        ({"protocol": "leave-one-speaker-out"}, "speaker"),
        ({"protocol": "speaker-k-fold", "folds": 3}, "speaker"),
        ({"protocol": "leave-one-session-out"}, "session"),
        ({"protocol": "leave-one-out", "column": "language"}, "language"),
    ],
)
def test_missing_values_are_counted(acted, protocol, column):
    frame = acted(4, language="cs", session="a")
    frame.loc[frame.index[:7], column] = None
    with pytest.raises(SplitError, match=f"7 of 48 utterances have no {column}"):
        folds_of(frame, Split(**protocol))


def test_one_speaker_cannot_be_left_out(acted):
    with pytest.raises(SplitError, match=r"there is one speaker \(s00\); at least 2"):
        folds_of(acted(1), LOSO)


def test_a_class_of_one_speaker_is_named(acted):
    frame = acted(4)
    frame = frame[(frame["emotion"] != "fear") | (frame["speaker"] == "s02")]
    with pytest.raises(SplitError, match=r"fold 's02': no training utterance of class fear \(the"):
        folds_of(frame, LOSO)
    with pytest.raises(SplitError, match=r"all of class fear is from s02 \(one speaker"):
        folds_of(frame, k_fold(2))


def test_labels_that_do_not_fit_the_task(acted):
    frame = acted(4)
    with pytest.raises(SplitError, match="emotion: neutral not among the task's classes"):
        folds_of(frame, LOSO, classes=("anger", "fear"))
    with pytest.raises(SplitError, match="no utterance of class joy; the task names it"):
        folds_of(frame, LOSO, classes=(*EMOTIONS, "joy"))
    frame.loc[frame.index[:2], "emotion"] = None
    with pytest.raises(SplitError, match="2 of 48 utterances have no emotion"):
        folds_of(frame, LOSO)
    with pytest.raises(SplitError, match="no column 'mood'"):
        folds_of(frame, LOSO, label="mood")


def uneven(seed: int, n_speakers: int = 14) -> pd.DataFrame:
    """Speakers with few to many clips of some of six classes, two of which are rare."""
    rng = np.random.default_rng(seed)
    rows = []
    for speaker in range(n_speakers):
        for code in range(6):
            if code >= 4 and rng.random() > 0.4:
                continue
            count = int(rng.integers(1, 12))
            rows += [{"speaker": f"s{speaker}", "emotion": f"class{code}"}] * count
    frame = pd.DataFrame(rows)
    return frame.assign(utterance=[f"u{row}" for row in range(len(frame))])


@pytest.mark.parametrize("seed", range(5))
def test_k_fold_keeps_speakers_whole_and_is_no_worse_than_scikit_learns(seed, make_frame):
    frame = uneven(seed)
    classes = tuple(sorted(set(frame["emotion"])))
    folds = folds_of(frame, k_fold(4, seed), classes=classes)
    assert [fold.name for fold in folds] == ["1", "2", "3", "4"]
    tests = np.concatenate([fold.test for fold in folds])
    np.testing.assert_array_equal(np.sort(tests), np.arange(len(frame)))
    speaker = frame["speaker"].to_numpy()
    for fold in folds:
        assert not set(speaker[fold.train]) & set(speaker[fold.test])
        assert set(frame["emotion"].iloc[fold.train]) == set(classes)

    def lacking_and_imbalance(parts):
        shares = pd.DataFrame(
            [frame["emotion"].iloc[part].value_counts() / len(frame) for part in parts]
        ).fillna(0)[list(classes)]
        shares = shares / shares.sum()
        return int((shares == 0).to_numpy().sum()), float((shares**2).to_numpy().sum())

    peer = StratifiedGroupKFold(4, shuffle=True, random_state=seed)
    theirs = [test for _, test in peer.split(frame, frame["emotion"], speaker)]
    assert lacking_and_imbalance([fold.test for fold in folds]) <= lacking_and_imbalance(theirs)


def test_k_fold_of_a_speakers_attribute_holds_one_of_each_class_out():
    """As L2-ARCTIC: 24 speakers, 6 first languages, 4 folds."""
    rows = [
        {
            "utterance": f"{language}{speaker}_{clip}",
            "speaker": f"{language}{speaker}",
            "l1": language,
        }
        for language in "ABCDEF"
        for speaker in range(4)
        for clip in range(10 + speaker)
    ]
    frame = pd.DataFrame(rows)
    for fold in folds_of(frame, k_fold(4), label="l1", classes=tuple("ABCDEF")):
        held = frame.iloc[fold.test].groupby("l1")["speaker"].nunique()
        assert held.to_dict() == dict.fromkeys("ABCDEF", 1)


def test_k_fold_depends_on_the_seed_but_not_on_the_order_of_rows(acted):
    frame = acted(12)
    shuffled = frame.sample(frac=1, random_state=1)

    def tests(rows, seed):
        return [sorted(set(rows["speaker"].iloc[f.test])) for f in folds_of(rows, k_fold(3, seed))]

    assert tests(frame, 0) == tests(frame, 0) == tests(shuffled, 0)
    assert len({str(tests(frame, seed)) for seed in range(5)}) > 1


def test_k_fold_of_numbers(acted):
    folds = folds_of(acted(9), k_fold(3), label="arousal", classes=None)
    assert [len(fold.test) for fold in folds] == [36, 36, 36]


def test_k_fold_keeps_partners_of_a_session_together(acted):
    frame = acted(8)
    frame["session"] = frame["speaker"].map(lambda name: f"session{int(name[1:]) // 2}")
    for fold in folds_of(frame, k_fold(4)):
        assert check(frame, fold) == []
        assert frame["session"].iloc[fold.test].nunique() == 1
    with pytest.raises(SplitError, match=r"8 speakers are linked by shared .* 4 groups"):
        folds_of(frame, k_fold(5))
    leaky = k_fold(5, leaks=("session",), leaks_reason="five folds are wanted")
    assert len(folds_of(frame, leaky)) == 5


def test_k_fold_of_too_few_speakers(acted):
    with pytest.raises(SplitError, match="3 speakers are fewer than 4 folds; ask for at most 3"):
        folds_of(acted(3), k_fold(4))


def test_names_that_come_again_in_another_corpus_are_other_speakers(acted):
    both = pd.concat([acted(2).assign(corpus="a"), acted(2).assign(corpus="b")], ignore_index=True)
    assert [fold.name for fold in folds_of(both, LOSO)] == ["a/s00", "a/s01", "b/s00", "b/s01"]
