"""CREMA-D: the owners' own tables, and a miniature of the corpus."""

import shutil

import pytest
from tests.layouts import crema_d
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    crema_d.build(tmp_path)
    return tmp_path


def test_the_owners_tables_give_the_counts_of_the_card(shipped, shared_labels, tmp_path):
    (tmp_path / "AudioWAV").mkdir()
    for file in (shared_labels / "crema-d").iterdir():
        shutil.copy(file, tmp_path)
    card = shipped("crema-d")
    frame = load_manifest(card, tmp_path, look=False).frame
    assert len(frame) == 7442
    assert frame["speaker"].nunique() == 91
    sexes = frame.drop_duplicates("speaker")["gender"].value_counts().to_dict()
    assert sexes == {"male": 48, "female": 43}
    for label, counts in card.expected.classes.items():
        assert frame[label].value_counts().to_dict() == counts
    assert frame["age"].between(20, 74).all()


def test_names_tell_actor_sentence_emotion_and_level(shipped, root):
    manifest = load_manifest(shipped("crema-d"), root)
    rows = manifest.frame.set_index("utterance")
    row = rows.loc["1002_IEO_HAP_LO"].to_dict()
    assert (row["speaker"], row["gender"], row["age"]) == ("1002", "female", 21)
    assert (row["emotion"], row["level"]) == ("happiness", "low")
    assert row["transcript"] == "It's eleven o'clock"
    assert row["path"] == "AudioWAV/1002_IEO_HAP_LO.wav"
    assert rows["level"].isna().sum() == 6 * 7
    assert not manifest.excluded


def test_a_clip_whose_level_is_a_single_x(shipped, root):
    write_voice(root / "AudioWAV" / "1006_ITH_SAD_X.wav")
    row = load_manifest(shipped("crema-d"), root).frame.set_index("utterance").loc["1006_ITH_SAD_X"]
    assert row["emotion"] == "sadness"
    assert row.isna()["level"]


def test_a_listed_clip_that_is_not_there_is_told(shipped, root):
    (root / "AudioWAV" / "1001_DFA_ANG_XX.wav").unlink()
    write_voice(root / "AudioWAV" / "noise.wav")
    with pytest.raises(CorpusError, match=r"missing .*: 1\n    1001_DFA_ANG_XX: .*, line 5"):
        load_manifest(shipped("crema-d"), root)
    manifest = load_manifest(shipped("crema-d"), root, partial=True)
    assert {one.utterance: one.reason for one in manifest.excluded} == {
        "1001_DFA_ANG_XX": "missing",
        "noise": "extra",
    }


def test_another_folder_is_refused(shipped, root):
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv are expected there"):
        load_manifest(shipped("crema-d"), root.parent.parent)
    (root / "VideoDemographics.csv").write_text('"ActorID","Sex"\n1001,"Male"\n')
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv has no column 'Age'; it has"):
        load_manifest(shipped("crema-d"), root)
