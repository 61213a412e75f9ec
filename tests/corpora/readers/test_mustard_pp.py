"""MUStARD++: a miniature with the owners' broken row, and counts laid out as in their table."""

import csv
import shutil

import pytest
from tests.layouts import mustard_pp

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError

TABLE = "mustard++_text.csv"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    mustard_pp.build(root)
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "MUStARD_Plus_Plus")


@pytest.fixture
def read(shipped):
    return lambda root, **how: load_manifest(shipped("mustard-pp"), root, **how)


@pytest.fixture
def write(root):
    """Write the table with these rows."""

    def rows(*rows, header=mustard_pp.HEADER, ends="\r\n"):
        with (root / TABLE).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator=ends).writerows([header, *rows])

    return rows


OWNERS = (
    *("1_10004", "1_10004_u", "And of those few months, how long?", "0:07", "SHELDON", "BBT"),
    *("0", "NONE", "Anger", "Anger", "2", "7"),
)


def test_a_row_of_the_owners(read, write, root):
    context = ("1_10004", "1_10004_c_01", "Who was he?", "0:08", "SHELDON", "BBT", *[""] * 6)
    write(context, OWNERS)
    (row,) = read(root, look=False).frame.to_dict("records")
    assert row["utterance"] == "1_10004_u"
    assert row["path"] == "final_utterance_videos/1_10004_u.mp4"
    assert row["speaker"] == "BBT/SHELDON"
    assert row["transcript"] == "And of those few months, how long?"
    assert (row["sarcasm"], row["sarcasm-type"]) == ("not sarcastic", "none")
    assert (row["implicit-emotion"], row["explicit-emotion"]) == ("anger", "anger")
    assert (row["valence"], row["arousal"]) == (2, 7)


def test_the_miniature_is_whole(read, root):
    manifest = read(root)
    assert len(manifest) == 60  # of 180 rows
    assert not manifest.excluded  # contexts are no extra clips
    assert manifest.frame["speaker"].nunique() == 6  # two of them called PERSON
    assert manifest.frame["split"].isna().all()
    line = manifest.frame.set_index("utterance")["transcript"]["1_61_u"]
    assert line == "Line 0.1, and more"  # it has a line break in the table


def test_the_row_with_an_emotion_for_a_key(read, root):
    rows = read(root).frame.set_index("utterance")
    assert rows.loc["1_S11E03_067_u"]["explicit-emotion"] == "anger"
    assert "Anger" not in rows.index


def test_counts_of_the_card_agree_among_themselves(shipped):
    expected = shipped("mustard-pp").expected
    totals = {label: sum(counts.values()) for label, counts in expected.classes.items()}
    assert totals == dict.fromkeys(totals, expected.utterances)


def test_numbers_that_a_spreadsheet_wrote(read, write, root):
    write((*OWNERS[:6], "1.0", *OWNERS[7:10], "2.0", "7.0"), ends="\n")
    (row,) = read(root, look=False).frame.to_dict("records")
    assert (row["sarcasm"], row["valence"]) == ("sarcastic", 2)


def test_clips_in_other_places(read, root):
    clips = root / "final_utterance_videos"
    for place in ("all_videos/final_utterance_videos", "final_utterance_audios"):
        (root / place).parent.mkdir(exist_ok=True)
        clips = clips.rename(root / place)
        assert len(read(root)) == 60


def test_what_is_wrong_with_the_table_is_told(read, write, root):
    rows = mustard_pp.rows()
    write(*rows, rows[-1])
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*mustard\+\+_text\.csv, line"):
        read(root)
    write((*OWNERS[:6], "2", *OWNERS[7:]), *rows)
    with pytest.raises(CorpusError, match="sarcasm: 2; the card allows not sarcastic, sarcastic"):
        read(root, look=False)
    write((*OWNERS[:8], "Boredom", *OWNERS[9:]), *rows)
    with pytest.raises(CorpusError, match="line 2: implicit-emotion: Boredom"):
        read(root, look=False)
    write((*OWNERS[:10], "12", "7"), *rows)
    with pytest.raises(CorpusError, match=r"valence: 12; .* from 1\.0 to 9\.0"):
        read(root, look=False)
    write(*rows, header=[name.replace("KEY", "ID") for name in mustard_pp.HEADER])
    with pytest.raises(CorpusError, match=r"has no column 'KEY'; it has 'SCENE', 'ID'"):
        read(root)
    write(*[row for row in rows if not row[6]])
    with pytest.raises(CorpusError, match="no row has a cell under 'Sarcasm'"):
        read(root)


def test_an_old_encoding(read, write, root):
    write((*OWNERS[:2], "Caf\xe9?", *OWNERS[3:]))
    text = (root / TABLE).read_text(encoding="utf-8")
    (root / TABLE).write_bytes(text.encode("cp1252"))
    assert read(root, look=False).frame["transcript"].tolist() == ["Caf\xe9?"]


def test_half_of_the_audio_is_missing(read, root):
    for file in sorted((root / "final_utterance_videos").iterdir())[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 30\n"):
        read(root)
    assert len(read(root, partial=True)) == 30


def test_another_folder(read, root, tmp_path_factory):
    assert len(read(root / "final_utterance_videos")) == 60
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "corpora" / "mine")
    assert len(read(above)) == 60
    with pytest.raises(CorpusError, match=r"mustard\+\+_text\.csv is expected there"):
        read(tmp_path_factory.mktemp("empty"))
