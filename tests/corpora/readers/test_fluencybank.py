"""FluencyBank: the owners' tables, and a miniature. Votes and clips are as in SEP-28k."""

import shutil
from collections import Counter

import pytest
from tests.layouts import fluencybank

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    fluencybank.build(tmp_path)
    return tmp_path


def test_the_owners_tables_give_the_counts_of_the_card(shipped, shared_labels, tmp_path):
    for name in ("fluencybank_labels.csv", "fluencybank_episodes.csv"):
        shutil.copy(shared_labels / "sep28k" / name, tmp_path)
    card = shipped("fluencybank")
    frame = load_manifest(card, tmp_path, look=False).frame
    assert (len(frame), frame["speaker"].nunique()) == (4144, 33)
    for label, counts in card.expected.classes.items():
        assert frame[label].value_counts().to_dict() == counts
    people = frame.drop_duplicates("speaker").set_index("speaker")
    assert people["gender"].value_counts().to_dict() == {"male": 23, "female": 10}
    assert people["age"].between(24, 68).all()
    assert people.loc["FluencyBank_010", ["gender", "age"]].tolist() == ["male", 46]


def test_an_interview_is_a_speaker_and_its_number_is_text(shipped, root):
    manifest = load_manifest(shipped("fluencybank"), root)
    row = manifest.frame.set_index("utterance").loc["FluencyBank_016_3"]
    assert row["path"] == "clips/FluencyBank/016/FluencyBank_016_3.wav"
    assert (row["speaker"], row["session"]) == ("FluencyBank_016", "FluencyBank_016")
    assert (row["gender"], row["age"]) == ("female", 24)
    assert (row["word-repetition"], row["block"], row["stutter"]) == (
        "present",
        "absent",
        "stutter",
    )
    assert manifest.frame["speaker"].nunique() == 10  # one recording has no clips
    assert not manifest.excluded


def test_without_the_recordings_names_age_and_gender_are_missing(shipped, root):
    (root / "fluencybank_episodes.csv").unlink()
    frame = load_manifest(shipped("fluencybank"), root).frame
    assert frame["age"].isna().all()
    assert frame["gender"].isna().all()


def test_a_recording_with_another_name_has_neither_age_nor_gender(shipped, root):
    file = root / "fluencybank_episodes.csv"
    file.write_bytes(file.read_text().replace("46ma", "someone").replace("\n", "\r\n").encode())
    frame = load_manifest(shipped("fluencybank"), root).frame
    assert set(frame.loc[frame["age"].isna(), "speaker"]) == {"FluencyBank_010"}


def test_recordings_and_clips_that_are_missing(shipped, root):
    shutil.rmtree(root / "clips" / "FluencyBank" / "010")
    manifest = load_manifest(shipped("fluencybank"), root)
    assert Counter(one.reason for one in manifest.excluded) == {"unavailable": 7}
    for file in sorted((root / "clips").rglob("*.wav"))[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 32\n.*fluencybank_labels\.csv, line"):
        load_manifest(shipped("fluencybank"), root)


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("fluencybank")
    assert len(load_manifest(card, root / "clips" / "FluencyBank")) == 70
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "a" / "b")
    assert len(load_manifest(card, above)) == 70
    with pytest.raises(CorpusError, match=r"fluencybank_labels\.csv is expected there"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
