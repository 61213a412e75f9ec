"""The leakage gate on hand-made manifests, and on the real corpus that has doubled files."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paralbench import paths
from paralbench.errors import LeakageError, SplitError
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check

# Byte-identical files of the corpus, as its card says.
DOUBLED = [
    {"m1.n_oddaj_2", "m1.n_oddaj_3"},
    {"m1.n_tak_4", "m1.n_tak_5"},
    {"m2.a_nie_3", "m2.a_nie_4"},
    {"m4.a_oddaj_4", "m4.a_oddaj_5"},
]


def fold(train, test, dev=None):
    rows = [None if part is None else np.array(part) for part in (train, test, dev)]
    return Fold("f", rows[0], rows[1], rows[2])


def test_nothing_shared_nothing_found(acted):
    frame = acted(3)
    assert check(frame, fold(range(12), range(24, 36), range(12, 24))) == []
    assert check(frame, fold(range(12), range(12, 36))) == []


def test_a_speaker_on_two_sides(acted):
    frame = acted(2)
    with pytest.raises(LeakageError) as caught:
        check(frame, fold(range(14), range(14, 24)))
    message = str(caught.value)
    assert "fold 'f' leaks" in message
    assert (
        "speaker: train and test share 1 speaker (2 and 10 utterances), such as "
        "s01_anger_0 | s01_anger_2" in message
    )
    assert "content" not in message
    for way_out in ("`split.leaks`", "--allow-leakage"):
        assert way_out in message


def test_every_pair_of_parts_and_every_kind(acted):
    frame = acted(6)
    frame["session"] = ["a"] * 12 + ["b"] * 24 + ["a"] * 12 + ["c"] * 24
    frame.loc[frame.index[[5, 70]], "content"] = "x"
    parts = fold(range(24), range(48, 72), range(24, 48))
    leaks = check(frame, parts, allow=("speaker", "session", "content"))
    found = {(leak.kind, *leak.parts): leak for leak in leaks}
    assert set(found) == {
        ("session", "train", "development"),
        ("content", "train", "test"),
    }
    sessions = found["session", "train", "development"]
    assert sessions.count == 2
    assert sessions.utterances == (24, 24)
    assert sessions.examples == (("s00_anger_0", "s03_anger_0"), ("s01_anger_0", "s02_anger_0"))
    content = found["content", "train", "test"]
    assert content.examples == (("s00_fear_1", frame["utterance"].iloc[70]),)


def test_the_same_words_by_the_same_speaker(acted):
    frame = acted(2)
    frame["transcript"] = "other words"
    frame.loc[[0, 1, 14], "transcript"] = None
    frame.loc[[13, 23], "transcript"] = ["It's eleven o'clock!", "it's  Eleven O'Clock"]
    parts = fold(range(14), range(14, 24))
    with pytest.raises(LeakageError) as caught:
        check(frame, parts, allow=("speaker",))
    text = "transcript: train and test share 2 texts read by the same speaker"
    assert text in str(caught.value)
    (speaker, words) = check(frame, parts, allow=("speaker", "transcript"))
    assert (speaker.kind, words.kind, words.count) == ("speaker", "transcript", 2)
    # Other speakers may say the same.
    assert check(frame, fold(range(12), range(12, 24))) == []


def test_what_is_not_allowed_is_refused_and_only_that_is_listed(acted):
    frame = acted(2)
    frame["content"] = "x"
    with pytest.raises(LeakageError, match="content: train and test share 1 recording") as caught:
        check(frame, fold(range(14), range(14, 24)), allow=("speaker",))
    assert "speaker:" not in str(caught.value)
    kinds = [
        leak.kind for leak in check(frame, fold(range(14), range(14, 24)), ("speaker", "content"))
    ]
    assert kinds == ["speaker", "content"]


def test_examples_are_few(acted):
    frame = acted(8)
    even, odd = np.arange(0, 96, 2), np.arange(1, 96, 2)
    with pytest.raises(LeakageError) as caught:
        check(frame, fold(even, odd))
    (line,) = [line for line in str(caught.value).splitlines() if line.startswith("  speaker:")]
    assert line.startswith("  speaker: train and test share 8 speakers (48 and 48 utterances)")
    assert line.count(" | ") == 3
    assert line.endswith(", ...")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_values_equal_nothing(acted, missing):
    frame = acted(4)
    for column in ("speaker", "session", "content"):
        frame[column] = pd.Series([missing] * len(frame), dtype=object)
    assert check(frame, fold(range(20), range(20, 48))) == []


def test_a_row_on_two_sides_is_never_allowed(acted):
    frame = acted(3)
    for column in ("speaker", "session", "content"):
        frame[column] = None
    with pytest.raises(LeakageError, match="utterance: train and test share 1 utterance"):
        check(frame, fold(range(13), range(12, 36)), ("speaker", "session", "content", "utterance"))


def test_without_a_column_nothing_is_promised(acted):
    with pytest.raises(SplitError, match="no column 'content'"):
        check(acted(2).drop(columns="content"), fold(range(12), range(12, 24)))


def test_names_that_come_again_in_another_corpus_are_other_speakers(acted):
    both = pd.concat([acted(2).assign(corpus="a"), acted(2).assign(corpus="b")], ignore_index=True)
    both["session"] = "1"
    leaks = check(both, fold(range(24), range(24, 48)), allow=("content",))
    assert [leak.kind for leak in leaks] == ["content"]  # the same audio is the same anywhere


def test_copies_of_files_are_found_by_their_audio(make_frame, tmp_path):
    """As in Polish emotion: the same bytes under two names of one speaker."""
    rng = np.random.default_rng(0)
    rows = []
    for speaker in ("m1", "m2"):
        for take in range(4):
            file = tmp_path / f"{speaker}.n_oddaj_{take}.wav"
            file.write_bytes(rng.bytes(64))
            rows.append({"utterance": file.stem, "path": file.name, "speaker": speaker})
    (tmp_path / "m1.n_oddaj_3.wav").write_bytes((tmp_path / "m1.n_oddaj_2.wav").read_bytes())
    frame = make_frame(rows)
    frame["content"] = [
        sha256((tmp_path / path).read_bytes()).hexdigest() for path in frame["path"]
    ]
    assert check(frame, fold(range(4), range(4, 8))) == []
    by_take = fold([0, 1, 2, 4, 5, 6], [3, 7])
    leaks = check(frame, by_take, allow=("speaker", "content"))
    assert leaks[1].examples == (("m1.n_oddaj_2", "m1.n_oddaj_3"),)


@pytest.fixture
def polish(kept_home) -> pd.DataFrame:
    """The corpus as fetched; content here is the bytes of the files."""
    folder: Path = paths.corpora_home() / "polish-emotion"
    files = sorted(folder.rglob("*.wav"))
    if not files:
        pytest.skip(f"needs the network: no polish-emotion under {paths.corpora_home()}")
    return pd.DataFrame(
        {
            "utterance": [file.stem for file in files],
            "speaker": [file.stem.split(".")[0] for file in files],
            "session": None,
            "content": [sha256(file.read_bytes()).hexdigest() for file in files],
        }
    )


@pytest.mark.network
def test_the_doubled_files_of_polish_emotion_are_caught(polish):
    assert len(polish) == 450
    rows = {name: row for row, name in enumerate(polish["utterance"])}
    one = {rows[min(pair)] for pair in DOUBLED}
    train = sorted(set(range(450)) - one)
    leaks = check(polish, fold(train, sorted(one)), allow=("speaker", "content"))
    (content,) = [leak for leak in leaks if leak.kind == "content"]
    assert content.count == 4
    with pytest.raises(LeakageError, match="share 4 recordings with the same audio"):
        check(polish, fold(train, sorted(one)), allow=("speaker",))
    # Leaving speakers out keeps each pair on one side.
    assert polish["speaker"].nunique() == 5
    for name in polish["speaker"].unique():
        is_test = (polish["speaker"] == name).to_numpy()
        assert check(polish, fold(np.flatnonzero(~is_test), np.flatnonzero(is_test))) == []
