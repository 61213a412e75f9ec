"""Dialects of the British Isles: an index without a header, with commas in its text."""

import pytest
from tests.layouts import british_dialects
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    british_dialects.build(tmp_path)
    return tmp_path


def _append(root, line):
    index = root / "line_index_all.csv"
    index.write_text(index.read_text() + line + "\n")


def test_a_name_tells_region_sex_and_speaker(shipped, root):
    frame = load_manifest(shipped("british-dialects"), root).frame
    row = frame.set_index("utterance").loc["nom_10007_00001000000"]
    assert (row["speaker"], row["dialect"], row["gender"]) == ("nom_10007", "northern", "male")
    assert row["path"] == "northern_english_male/nom_10007_00001000000.wav"
    assert row["transcript"] == "Flights to Naples, Rome and Nice leave at six"
    assert frame["speaker"].nunique() == 24
    irish = frame[frame["dialect"] == "irish"]
    assert set(irish["gender"]) == {"male"}


def test_quotation_marks_enclose_nothing(shipped, root):
    frame = load_manifest(shipped("british-dialects"), root).frame.set_index("utterance")
    assert frame.loc["nom_10007_00001000001", "transcript"] == 'It says "no entry'


def test_archives_unpacked_into_one_folder(shipped, root):
    expected = load_manifest(shipped("british-dialects"), root).frame
    for file in list(root.glob("*/*.wav")):
        file.rename(root / file.name)
    found = load_manifest(shipped("british-dialects"), root).frame
    assert found["path"].iloc[0] == "irm_10000_00000000000.wav"
    columns = [name for name in expected.columns if name != "path"]
    assert found[columns].equals(expected[columns])


def test_the_archives_own_indices(shipped, root):
    expected = load_manifest(shipped("british-dialects"), root).frame
    lines = (root / "line_index_all.csv").read_text().splitlines()
    (root / "line_index_all.csv").unlink()
    for folder in root.iterdir():
        names = {file.stem for file in folder.glob("*.wav")}
        own = [line for line in lines if line.split(", ")[1] in names]
        (folder / "line_index.csv").write_text("\n".join(own))
    assert load_manifest(shipped("british-dialects"), root).frame.equals(expected)


def test_neither_index_is_told(shipped, root):
    (root / "line_index_all.csv").unlink()
    with pytest.raises(CorpusError, match=r"neither line_index_all\.csv nor a line_index\.csv"):
        load_manifest(shipped("british-dialects"), root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("EN1, wef_1_2", r"line_index_all\.csv, line 49: 2 of 3 cells"),
        ("EN1, welsh_1_2, text", "line 49: 'welsh_1_2' is not a name like nom_06136"),
        ("EN1, cof_1_2, text", r"label-unknown .*\n.*line 49: dialect: co; the card allows irish"),
        ("EN1, wef_1_2, text", r"missing .*: 1\n    wef_1_2: welsh_english_female/wef_1_2\.wav"),
        ("EN1, irm_10000_00000000000, x", r"duplicate-row .*: 1\n    irm_10000_.*, line 49"),
    ],
)
def test_bad_lines_are_told(shipped, root, line, message):
    _append(root, line)
    with pytest.raises(CorpusError, match=message):
        load_manifest(shipped("british-dialects"), root)


def test_a_file_that_no_line_names_is_told(shipped, root):
    write_voice(root / "welsh_english_female" / "wef_1_2.wav")
    (one,) = load_manifest(shipped("british-dialects"), root).excluded
    assert (one.utterance, one.reason) == ("welsh_english_female/wef_1_2", "extra")


def test_an_index_in_an_old_encoding(shipped, root):
    write_voice(root / "welsh_english_female" / "wef_1_2.wav")
    index = root / "line_index_all.csv"
    index.write_bytes(index.read_bytes() + "EN1, wef_1_2, Caf\u00e9\n".encode("cp1252"))
    frame = load_manifest(shipped("british-dialects"), root).frame.set_index("utterance")
    assert frame.loc["wef_1_2", "transcript"] == "Caf\u00e9"
