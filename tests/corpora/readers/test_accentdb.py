"""AccentDB: accents and speakers in folders, and what cannot be kept apart."""

import shutil

import pytest
from tests.layouts import accentdb
from tests.layouts.folds import tasks_of
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest


@pytest.fixture
def root(tmp_path):
    accentdb.build(tmp_path)
    return tmp_path


def test_folders_tell_accent_and_speaker(shipped, root):
    frame = load_manifest(shipped("accentdb"), root).frame
    row = frame.set_index("utterance").loc["indian/speaker_02/indian_s02_004"]
    assert (row["speaker"], row["accent"], row["fold"]) == ("indian-02", "indian", "5")
    assert row["path"] == "data/indian/speaker_02/indian_s02_004.wav"
    assert row.isna()[["gender", "split", "session"]].all()
    speakers = frame.groupby("accent")["speaker"].nunique().to_dict()
    assert speakers == accentdb.SPEAKERS


def test_one_number_is_in_one_fold_whoever_speaks(shipped, root):
    frame = load_manifest(shipped("accentdb"), root).frame
    number = frame["utterance"].str[-3:].astype(int)
    assert (frame["fold"].astype(int) == number % 5 + 1).all()


def test_a_file_without_a_number_has_a_fold_all_the_same(shipped, root):
    write_voice(root / "data" / "welsh" / "speaker_01" / "hello.wav")
    row = load_manifest(shipped("accentdb"), root).frame.set_index("utterance")
    assert row.loc["welsh/speaker_01/hello", "fold"] in set("12345")


def test_the_folder_of_the_accents_itself(shipped, root):
    expected = load_manifest(shipped("accentdb"), root).frame
    found = load_manifest(shipped("accentdb"), root / "data").frame
    assert list(found["utterance"]) == list(expected["utterance"])
    assert found["path"].str.startswith("american/").any()


def test_the_core_archive_has_four_accents(shipped, root):
    for accent in ("american", "australian", "british", "indian", "welsh"):
        shutil.rmtree(root / "data" / accent)
    frame = load_manifest(shipped("accentdb"), root).frame
    assert set(frame["accent"]) == {"bangla", "malayalam", "odiya", "telugu"}


def test_other_files_are_told(shipped, root):
    write_voice(root / "data" / "indian" / "noise.wav")
    write_voice(root / "data" / "french" / "speaker_01" / "french_s01_001.wav")
    manifest = load_manifest(shipped("accentdb"), root)
    assert {(one.utterance, one.reason) for one in manifest.excluded} == {
        ("data/indian/noise", "extra"),
        ("data/french/speaker_01/french_s01_001", "extra"),
    }


def test_accents_of_one_speaker_are_declared_to_leak(shipped):
    tasks = {task.id: task for task in tasks_of("accentdb")}
    nine, seven = tasks["accentdb-accent"], tasks["accentdb-accent-new-voices"]
    assert nine.split.leaks == ("speaker",)
    assert "one speaker" in (nine.split.leaks_reason or "")
    assert not seven.split.leaks
    assert set(nine.classes) - set(seven.classes) == {"odiya", "welsh"}
    assert {nine.selection, seven.selection} == {"fixed"}
