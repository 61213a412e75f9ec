"""The reader ``csv``."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.corpora.load import load_manifest
from paralbench.corpora.readers import check_card
from paralbench.errors import CardError, CorpusError

Lay = Callable[..., Path]
Card = Callable[..., CorpusCard]

OPTIONS = {"file": "labels.csv", "path": "path"}


def table(root: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding=encoding)
    return root


def test_columns_of_the_manifests_names_need_no_map(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "wav/a")
    table(tmp_path, "path,emotion,speaker,gender,split,session\nwav/a.wav,anger,s1,M,dev,x\n")
    (row,) = load_manifest(make_card("csv", options=OPTIONS), tmp_path).frame.to_dict("records")
    assert row["utterance"] == "wav/a"
    assert [row[name] for name in ("speaker", "gender", "split", "session", "emotion")] == [
        "s1",
        "male",
        "development",
        "x",
        "anger",
    ]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("path;emotion\na.wav;anger\n", {"separator": ";"}),
        ("path\temotion\na.wav\tanger\n", {"separator": "\\t"}),
        ("\ufeffpath,emotion\r\na.wav,anger\r\n", {}),  # as spreadsheets write it
        (" path , emotion \n a.wav , anger \n\n", {}),
        ("id,emotion\na,anger\n", {"path": "{id}.wav"}),
        ("path,emotion\n.\\a.wav,anger\n", {}),  # written on Windows
    ],
)
def test_tables_as_people_write_them(
    text: str, options: dict, lay: Lay, make_card: Card, tmp_path: Path
):
    lay(tmp_path, "a")
    table(tmp_path, text)
    frame = load_manifest(make_card("csv", options=OPTIONS | options), tmp_path).frame
    assert frame[["path", "emotion"]].to_numpy().tolist() == [["a.wav", "anger"]]


def test_only_line_ends_end_a_line(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a")
    table(tmp_path, "path,transcript,emotion\na.wav,one\u2028two\x0cthree,anger\n")
    frame = load_manifest(make_card("csv", options=OPTIONS), tmp_path).frame
    assert frame["transcript"].tolist() == ["one\u2028two\x0cthree"]


def test_constants_and_a_language_that_some_rows_tell(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a", "b")
    table(tmp_path, "path,emotion,language\na.wav,anger,fr\nb.wav,anger,\n")
    options = OPTIONS | {"constants": {"speaker": "ann"}}
    card = make_card("csv", options=options, languages=["de"])
    frame = load_manifest(card, tmp_path).frame
    assert frame[["speaker", "language"]].to_numpy().tolist() == [["ann", "fr"], ["ann", "de"]]


def test_labels_alone(make_card: Card, tmp_path: Path):
    table(tmp_path, "path,emotion\na.wav,anger\n")
    manifest = load_manifest(make_card("csv", options=OPTIONS), tmp_path, look=False)
    assert manifest.frame[["utterance", "path"]].to_numpy().tolist() == [["a", "a.wav"]]


def test_tsv_is_split_at_tabs(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a")
    table(tmp_path, "path\temotion\na.wav\tanger\n", "labels.tsv")
    card = make_card("csv", options=OPTIONS | {"file": "labels.tsv"})
    assert len(load_manifest(card, tmp_path)) == 1


def test_absolute_paths_below_the_folder(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a")
    table(tmp_path, f"path,emotion\n{tmp_path / 'a.wav'},anger\n")
    frame = load_manifest(make_card("csv", options=OPTIONS), tmp_path).frame
    assert frame["path"].tolist() == ["a.wav"]


def test_a_path_that_leaves_the_folder_is_not_read(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "secret", "corpus/a")
    table(tmp_path / "corpus", "path,emotion\n../secret.wav,anger\na.wav,anger\n")
    manifest = load_manifest(make_card("csv", options=OPTIONS), tmp_path / "corpus", partial=True)
    assert manifest.frame["path"].tolist() == ["a.wav"]
    assert [(one.reason, one.detail) for one in manifest.excluded] == [
        ("missing", "../secret.wav (labels.csv, line 2)")
    ]


def test_the_suffix_on_disk_may_differ(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a.b", suffix=".flac")
    table(tmp_path, "path,emotion\na.b.wav,anger\n")
    frame = load_manifest(make_card("csv", options=OPTIONS), tmp_path).frame
    assert frame["path"].tolist() == ["a.b.flac"]


def test_segments_of_one_file(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "talk")
    table(tmp_path, "path,emotion,begin,end\ntalk.wav,anger,0,1.5\ntalk.wav,neutral,1.5,2\n")
    card = make_card("csv", options=OPTIONS | {"columns": {"start": "begin"}})
    frame = load_manifest(card, tmp_path).frame
    assert frame[["utterance", "start", "end"]].to_numpy().tolist() == [
        ["talk@0-1.5", 0.0, 1.5],
        ["talk@1.5-2", 1.5, 2.0],
    ]


def test_a_time_that_is_no_number(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "talk")
    table(tmp_path, "path,emotion,start\ntalk.wav,anger,00:01\n")
    with pytest.raises(CorpusError, match=r"line 2: start: '00:01' is not allowed\."):
        load_manifest(make_card("csv", options=OPTIONS), tmp_path)


def test_counts_every_row_that_is_left_out(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a", "b", "c", "spare")
    table(
        tmp_path,
        "path,emotion\na.wav,anger\na.wav,neutral\nb.wav,boredom\nc.wav,\ngone.wav,anger\n",
    )
    manifest = load_manifest(make_card("csv", options=OPTIONS), tmp_path, partial=True)
    assert manifest.frame[["utterance", "emotion"]].to_numpy().tolist() == [["a", "anger"]]
    assert Counter((one.utterance, one.reason) for one in manifest.excluded) == Counter(
        [
            ("a", "duplicate-row"),
            ("b", "label-unknown"),
            ("c", "label-missing"),
            ("gone", "missing"),
            ("spare", "extra"),
        ]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,feeling\na.wav,anger\n", r"no column 'emotion' \(for emotion\); it has 'path'"),
        ("file,emotion\na.wav,anger\n", r"no column 'path' \(for path\)"),
        ("path;emotion\na.wav;anger\n", "Is the separator another one"),
        ("path,emotion\n", "no rows below its header"),
        ("", "no rows below its header"),
        ("path,emotion,emotion\na.wav,anger,anger\n", "two columns are called emotion"),
        ("path,emotion\na.wav,anger,loud\n", "line 2: 3 cells, but 2 columns"),
        ('path,emotion\na.wav,"anger\n', "cannot be read as a table"),
    ],
)
def test_broken_tables(text: str, message: str, lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a")
    table(tmp_path, text)
    with pytest.raises(CorpusError, match=message):
        load_manifest(make_card("csv", options=OPTIONS), tmp_path)


def test_bytes_that_are_no_text(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "a")
    table(tmp_path, "path,emotion\na.wav,ängstlich\n", encoding="latin-1")
    with pytest.raises(CorpusError, match="is not text in utf-8-sig"):
        load_manifest(make_card("csv", options=OPTIONS), tmp_path)
    labels = {"emotion": {"kind": "class", "values": ["ängstlich", "ruhig"]}}
    card = make_card("csv", labels=labels, options=OPTIONS | {"encoding": "latin-1"})
    assert load_manifest(card, tmp_path).frame["emotion"].tolist() == ["ängstlich"]


def test_no_listed_file_is_there(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "wav/a")
    table(tmp_path, "path,emotion\na.wav,anger\n")
    with pytest.raises(CorpusError, match="none of the 1 listed files") as error:
        load_manifest(make_card("csv", options=OPTIONS), tmp_path)
    assert "such as 'wav/a.wav': adapt reader.options.path" in str(error.value)


def test_a_folder_too_high_or_too_deep(
    lay: Lay, make_card: Card, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    right = table(lay(tmp_path / "right", "wav/a"), "path,emotion\nwav/a.wav,anger\n")
    card = make_card("csv", options=OPTIONS)
    for wrong in (tmp_path, right / "wav"):
        caplog.clear()
        assert load_manifest(card, wrong).root.resolve() == right
        assert "labels.csv is expected there" in caplog.text
        assert f"give {right} instead" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "path"}, "file"),
        (OPTIONS | {"separator": "ab"}, "one character"),
        (OPTIONS | {"encoding": "klingon"}, "klingon"),
        (OPTIONS | {"columns": {"gendre": "sex"}}, "'gendre' is no column"),
        (OPTIONS | {"quotes": "no"}, "quotes"),
    ],
)
def test_wrong_options_are_card_errors(options: dict, message: str, make_card: Card):
    with pytest.raises(CardError, match=message):
        check_card(make_card("csv", options=options))
