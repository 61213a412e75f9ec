"""E-DAIC: a miniature of interviews. Tables and scores are read as those of DAIC-WOZ."""

import shutil
from collections import Counter

import pytest
from tests.layouts import e_daic

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import segments_of
from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError

N = sum(map(len, e_daic.SESSIONS.values()))


@pytest.fixture
def root(tmp_path):
    e_daic.build(tmp_path)
    return tmp_path


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_a_row_of_the_owners(shipped, root):
    frame = load_manifest(shipped("e-daic"), root).frame.set_index("utterance")
    row = frame.loc["302_0002"]
    assert (row["path"], row["start"], row["end"]) == ("302_P/302_AUDIO.wav", 0.6, 1.1)
    assert (row["speaker"], row["session"], row["split"]) == ("302", "302", "train")
    assert (row["transcript"], row["gender"]) == ('well, I am "fine"', "male")
    assert (row["phq8"], row["depression"]) == (0, "not depressed")


def test_the_miniature_is_whole(shipped, root):
    manifest = load_manifest(shipped("e-daic"), root)
    sessions = manifest.frame.drop_duplicates("session")
    assert sessions["split"].value_counts().to_dict() == {"train": 14, "development": 6, "test": 6}
    assert sessions["depression"].notna().all()
    audio = AudioCache().prepare(root, segments_of(manifest.frame))
    assert audio["reason"].isna().all()
    # A row without length in each.
    assert reasons(manifest) == {"no-speech": N}
    # The test part has sessions led by a machine only.
    assert set(sessions.loc[sessions["split"] == "test", "session"]) == {*e_daic.SESSIONS["test"]}


def test_offsets_of_daic_woz_do_not_apply(shipped, root):
    shutil.copytree(root / "302_P", root / "318_P")
    for file in (root / "318_P").iterdir():
        file.rename(file.with_name(file.name.replace("302", "318")))
    file = root / "labels" / "train_split.csv"
    file.write_text(file.read_text() + "318,female,0,3,0,20.0\n")
    frame = load_manifest(shipped("e-daic"), root).frame.set_index("utterance")
    assert frame.loc["318_0001", "start"] == 0.1


def test_sessions_in_a_folder_of_data(shipped, root):
    whole = load_manifest(shipped("e-daic"), root).frame
    folders = list(root.glob("*_P"))
    (root / "data").mkdir()
    for folder in folders:
        shutil.move(folder, root / "data" / folder.name)
    frame = load_manifest(shipped("e-daic"), root).frame
    assert (frame["path"] == "data/" + whole["path"]).all()


def test_half_of_the_audio_is_missing(shipped, root):
    for file in sorted(root.rglob("*.wav"))[::2]:
        file.unlink()
    with pytest.raises(
        CorpusError, match=r"missing .*: 39\n.*_AUDIO\.wav \(302_Transcript\.csv, li"
    ):
        load_manifest(shipped("e-daic"), root)
    assert len(load_manifest(shipped("e-daic"), root, partial=True)) == 3 * (N // 2)


def test_what_is_wrong_is_told_with_its_place(shipped, root):
    card = shipped("e-daic")
    labels, transcript = root / "labels" / "test_split.csv", root / "302_P" / "302_Transcript.csv"
    table = labels.read_text()
    labels.write_text(table.replace("PHQ_Score", "Score"))
    with pytest.raises(CorpusError, match=r"test_split\.csv has no column 'PHQ_Score'; it has"):
        load_manifest(card, root)
    # A session of the training part again.
    labels.write_text(table + "302,male,0,4,0,28.0\n")
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n    302: test_split\.csv, line 8"):
        load_manifest(card, root)
    labels.write_text(table + "999,male,0,4,0,28.0\n")
    with pytest.raises(
        CorpusError, match=r"missing .*: 1\n    999: 999_P/999_Transcript\.csv \(tes"
    ):
        load_manifest(card, root)
    labels.write_text(table)
    text = transcript.read_text()
    transcript.write_text(text.replace("0.6,1.1", "0.6,late"))
    with pytest.raises(CorpusError, match=r"302_Transcript\.csv, line 3: 'late' is no number of"):
        load_manifest(card, root)
    transcript.write_text(text.replace("Text", "Words"))
    with pytest.raises(CorpusError, match=r"302_Transcript\.csv has no column 'Text'"):
        load_manifest(card, root)


def test_line_ends_and_a_byte_order_mark(shipped, root):
    whole = load_manifest(shipped("e-daic"), root).frame
    for file in (root / "labels" / "dev_split.csv", root / "305_P" / "305_Transcript.csv"):
        file.write_bytes(file.read_text().replace("\n", "\r\n").encode("utf-8-sig"))
    assert load_manifest(shipped("e-daic"), root).frame.equals(whole)


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("e-daic")
    whole = len(load_manifest(card, root))
    assert len(load_manifest(card, root / "302_P")) == whole
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "E-DAIC")
    assert len(load_manifest(card, above)) == whole
    with pytest.raises(
        CorpusError, match=r"labels/train_split\.csv, with folders like 300_P, is exp"
    ):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
