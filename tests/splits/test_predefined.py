"""Splits that a file lists."""

import pytest

from paralbench.cards.task import Split
from paralbench.errors import SplitError
from paralbench.splits.protocols import make_folds

SPLIT = Split(protocol="predefined", file="lists/folds.csv")


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes):
        (tmp_path / "lists").mkdir(exist_ok=True)
        file = tmp_path / "lists" / "folds.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def listed(frame, parts, fold="1"):
    rows = [f"{name},{fold},{parts[speaker]}" for name, speaker in rows_of(frame, parts)]
    return "\n".join(["utterance,fold,part", *rows]) + "\n"


def rows_of(frame, parts):
    pairs = zip(frame["utterance"], frame["speaker"], strict=True)
    return [(name, speaker) for name, speaker in pairs if speaker in parts]


def folds_of(frame, folder, **settings):
    classes = ("anger", "fear", "neutral")
    return make_folds(frame, SPLIT, "emotion", classes, folder, **settings)


def test_folds_are_those_of_the_file(acted, write):
    frame = acted(5)
    first = listed(frame, {"s00": "train", "s01": "development", "s02": "test"}, "first")
    second = listed(frame, {"s02": "train", "s03": "train", "s00": "test"}, "second")
    folder = write("\ufeff" + first + second.split("\n", 1)[1])
    one, two = folds_of(frame, folder)
    assert (one.name, two.name) == ("first", "second")
    for part, speaker in {"train": "s00", "development": "s01", "test": "s02"}.items():
        assert set(frame["speaker"].iloc[one.parts()[part]]) == {speaker}
    assert set(frame["speaker"].iloc[two.train]) == {"s02", "s03"}
    assert two.development is None
    shuffled = frame.sample(frac=1, random_state=0)
    again = folds_of(shuffled, folder)[0]
    assert set(shuffled["speaker"].iloc[again.test]) == {"s02"}


def test_names_that_look_like_missing_values_are_names(make_frame, write):
    frame = make_frame(
        [{"utterance": name, "emotion": "anger", "speaker": name} for name in ("NA", "null", "01")]
    )
    folder = write("utterance,fold,part\nNA,1,train\nnull,1,test\n01,1,test\n")
    (fold,) = make_folds(frame, SPLIT, "emotion", ("anger",), folder)
    assert fold.train.tolist() == [0]
    assert fold.test.tolist() == [1, 2]


def test_rows_of_what_was_left_out_are_excused(acted, write):
    frame = acted(2)
    text = listed(frame, {"s00": "train", "s01": "test"})
    folder = write(text + "s09_silent,1,train\ns09_gone,1,test\n")
    with pytest.raises(SplitError, match=r"2 rows name .* s09_silent \(line 26\), s09_gone"):
        folds_of(frame, folder)
    with pytest.raises(SplitError, match=r"1 rows name utterances .* s09_gone \(line 27\)"):
        folds_of(frame, folder, left_out=["s09_silent"])
    assert len(folds_of(frame, folder, left_out=["s09_silent", "s09_gone"])[0].train) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance,fold\na,1\n", r"missing column part; .* and has utterance, fold\."),
        ("", r"missing column utterance, fold, part; .* and has none"),
        ("utterance,fold,part\n", "no rows below the header"),
        ("utterance,fold,part\ns00_fear_0,1,dev\n", r"csv:2: part 'dev' is not allowed\. Allowed"),
        ("utterance,fold,part\ns00_fear_0,1\n", "csv:2: no part"),
        ("utterance,fold,part\ns00_fear_0,,test\n", "csv:2: no fold"),
        (
            "utterance,fold,part\na,1,test\nb,1,test\na,1,train\n",
            r"csv:4: duplicate row: 'a' is in fold '1' since line 2",
        ),
        ('utterance,fold,part\n"a,1,test\n', "cannot be read as a CSV"),
        (b"utterance,fold,part\n\xff\xfe,1,test\n", "cannot be read as a CSV in UTF-8"),
        ("utterance,fold,part\ns00_fear_0,1,test\n", "fold '1' has no train utterances"),
    ],
)
def test_bad_files(acted, write, text, message):
    with pytest.raises(SplitError, match=message):
        folds_of(acted(2), write(text))


def test_no_file(acted, tmp_path):
    with pytest.raises(SplitError, match=r"no such file; `split\.file` is relative to the card"):
        folds_of(acted(2), tmp_path)


def test_a_list_whose_training_part_lacks_a_class(acted, write):
    frame = acted(3)
    kept = frame[(frame["emotion"] != "fear") | (frame["speaker"] == "s01")]
    folder = write(listed(kept, {"s00": "train", "s01": "test"}))
    with pytest.raises(SplitError, match="fold '1': no training utterance of class fear"):
        folds_of(kept, folder)
