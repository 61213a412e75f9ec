"""Common Voice: releases whose columns, words and folders differ."""

import pytest
from tests.layouts import common_voice
from tests.layouts.common_voice import COLUMNS, line
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError

RELEASE_4 = [
    "client_id",
    "path",
    "sentence",
    "up_votes",
    "down_votes",
    "age",
    "gender",
    "accent",
]


@pytest.fixture
def root(tmp_path):
    common_voice.build(tmp_path)
    return tmp_path


def _release(folder, columns, rows, suffix=".mp3"):
    """A language as another release has it; rows are column -> value."""
    for part in ("train", "dev", "test"):
        lines = ["\t".join(columns)]
        for row in rows:
            row = {"client_id": part, "path": f"{part}_{row['path']}"} | {
                k: v for k, v in row.items() if k != "path"
            }
            lines.append("\t".join(row.get(name, "") for name in columns))
            write_voice(folder / "clips" / (row["path"].removesuffix(suffix) + suffix))
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_row_of_release_17(shipped, root):
    frame = load_manifest(shipped("common-voice"), root).frame
    assert frame["split"].value_counts().to_dict() == {"train": 28, "development": 28, "test": 27}
    row = frame.set_index("utterance").loc["common_voice_en_1"]
    assert (row["speaker"], row["gender"], row["decade"]) == ("train00", "female", "teens")
    assert (row["accent"], row["language"]) == ("african", "en")
    assert row["path"] == "en/clips/common_voice_en_1.mp3"
    assert row["transcript"] == 'He said "number 1.'  # a quotation mark encloses nothing


def test_every_accent_of_the_owners_list_is_read(shipped, root):
    frame = load_manifest(shipped("common-voice"), root).frame
    assert (frame["accent"].value_counts() == 9).all()
    assert set(frame["accent"].dropna()) == set(common_voice.ACCENTS.values())


def test_fourties(shipped, root):
    frame = load_manifest(shipped("common-voice"), root).frame
    assert (frame["decade"] == "forties").sum() == 12


def test_several_accents_and_own_words_are_no_accent(shipped, root):
    row = load_manifest(shipped("common-voice"), root).frame.set_index("utterance")
    assert row.loc["common_voice_en_903"].isna()["accent"]
    assert row.loc["common_voice_en_903", "gender"] == "male"


def test_clips_without_any_label_and_in_no_part_are_left_out(shipped, root):
    manifest = load_manifest(shipped("common-voice"), root)
    assert {(one.utterance, one.reason) for one in manifest.excluded} == {
        ("common_voice_en_901", "label-missing"),
        ("common_voice_en_904", "label-missing"),
        ("en/clips/common_voice_en_905", "not-in-parts"),
        ("en/clips/common_voice_en_906", "not-in-parts"),
        ("en/clips/common_voice_en_907", "not-in-parts"),
    }


def test_a_release_before_7(shipped, tmp_path):
    columns = [*RELEASE_4, "locale", "segment"]
    rows = [
        {"path": "common_voice_en_1.mp3", "gender": "other", "accent": "us", "age": "fourties"},
        {"path": "common_voice_en_2.mp3", "gender": "female", "accent": "southatlandtic"},
        {"path": "common_voice_en_3.mp3", "gender": "male", "accent": "other"},
    ]
    _release(tmp_path / "en", columns, rows)
    frame = load_manifest(shipped("common-voice"), tmp_path).frame.head(3)
    assert list(frame["accent"].fillna("")) == ["us", "southatlandtic", ""]
    assert list(frame["gender"].fillna("")) == ["", "female", "male"]
    assert "accents" not in frame.columns


def test_a_release_before_5_has_no_folder_of_the_language(shipped, tmp_path):
    rows = [{"path": "0a1b", "age": "teens"}, {"path": "2c3d", "gender": "male"}]
    _release(tmp_path / "unpacked", RELEASE_4, rows)
    frame = load_manifest(shipped("common-voice"), tmp_path / "unpacked").frame
    assert list(frame["utterance"][:2]) == ["dev_0a1b", "dev_2c3d"]
    assert frame["path"].iloc[0] == "clips/dev_0a1b.mp3"
    assert frame["language"].isna().all()


def test_several_languages_are_told_apart(shipped, root):
    _release(root / "zh-TW", COLUMNS, [{"path": "common_voice_zh-TW_7.mp3", "age": "teens"}])
    frame = load_manifest(shipped("common-voice"), root).frame
    assert frame["language"].value_counts().to_dict() == {"en": 83, "zh": 3}
    paths = frame.loc[frame["language"] == "zh", "path"]
    assert paths.str.startswith("zh-TW/clips/").all()


def test_the_folder_of_one_language(shipped, root):
    manifest = load_manifest(shipped("common-voice"), root / "en")
    assert len(manifest) == 83
    assert manifest.frame["path"].str.startswith("clips/").all()
    assert set(manifest.frame["language"]) == {"en"}
    assert "clips/common_voice_en_905" in {one.utterance for one in manifest.excluded}


def test_a_language_too_small_for_a_part(shipped, root):
    (root / "en" / "dev.tsv").write_text("\t".join(COLUMNS) + "\n")
    frame = load_manifest(shipped("common-voice"), root).frame
    assert set(frame["split"]) == {"train", "test"}


def test_sentences_with_line_breaks_of_unicode(shipped, root):
    file = root / "en" / "train.tsv"
    text = file.read_text(encoding="utf-8").replace("number 1.", "number\u2028\u00851\x0b.")
    file.write_text(text, encoding="utf-8")
    assert len(load_manifest(shipped("common-voice"), root)) == 83


@pytest.mark.parametrize("name", ["client_id", "path", "sentence", "age", "gender", "accents"])
def test_a_missing_column_is_named(shipped, root, name):
    file = root / "en" / "test.tsv"
    head, _, rest = file.read_text(encoding="utf-8").partition("\n")
    file.write_text("\t".join("x" if c == name else c for c in head.split("\t")) + "\n" + rest)
    with pytest.raises(CorpusError, match=rf"test\.tsv has no column '{name}'; it has"):
        load_manifest(shipped("common-voice"), root)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (line(977, "x", "hundreds"), r"label-unknown .*\n    common_voice_en_977: en/train\.tsv"),
        (line(978, "x", "teens", "robot"), "gender: robot; the card allows female, male"),
        (line(979, "x", "teens"), r"missing .*: 1\n    common_voice_en_979: en/clips/"),
        (line(1, "x", "teens"), r"duplicate-row .*\n    common_voice_en_1: en/train\.tsv, line"),
        ("speaker\tcommon_voice_en_980.mp3", "the line is cut off"),
    ],
)
def test_bad_rows_are_told_with_their_line(shipped, root, row, message):
    for number in (977, 978):
        write_voice(root / "en" / "clips" / f"common_voice_en_{number}.mp3")
    file = root / "en" / "train.tsv"
    file.write_text(file.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_manifest(shipped("common-voice"), root)


def test_another_encoding_is_refused(shipped, root):
    file = root / "en" / "test.tsv"
    text = file.read_text(encoding="utf-8").replace("He said", "Er s\u00e4gte")
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(CorpusError, match=r"test\.tsv is not text in utf-8-sig"):
        load_manifest(shipped("common-voice"), root)


def test_a_delta_release_is_refused(shipped, root):
    for part in ("train", "dev", "test"):
        (root / "en" / f"{part}.tsv").unlink()
    with pytest.raises(CorpusError, match=r"train\.tsv, dev\.tsv and test\.tsv, .* are expected"):
        load_manifest(shipped("common-voice"), root)


def test_a_language_that_lacks_one_table_is_told(shipped, root):
    (root / "en" / "dev.tsv").unlink()
    with pytest.raises(CorpusError, match=r"dev\.tsv is missing"):
        load_manifest(shipped("common-voice"), root)
