"""RAVDESS: the code of the names, the owners' counts, second copies."""

import shutil

import pytest
from tests.layouts import ravdess
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    ravdess.build(tmp_path)
    return tmp_path


def test_the_counts_are_those_of_the_card(shipped, root):
    card = shipped("ravdess")
    for look in (True, False):
        frame = load_manifest(card, root, look=look).frame
        assert len(frame) == card.expected.utterances
        assert frame["speaker"].nunique() == card.expected.speakers
        for label, counts in card.expected.classes.items():
            assert frame[label].value_counts().to_dict() == counts


def test_the_owners_example(shipped, root):
    """Audio only, speech, fearful, normal, dogs, first time, actor 12, a woman."""
    row = load_manifest(shipped("ravdess"), root).frame.set_index("utterance")
    one = row.loc["03-01-06-01-02-01-12"]
    assert (one["speaker"], one["gender"]) == ("12", "female")
    assert (one["emotion"], one["intensity"]) == ("fear", "normal")
    assert one["transcript"] == "Dogs are sitting by the door"
    assert one["path"] == "Actor_12/03-01-06-01-02-01-12.wav"


def test_neutral_has_no_intensity(shipped, root):
    frame = load_manifest(shipped("ravdess"), root).frame
    assert frame.loc[frame["intensity"].isna(), "emotion"].value_counts().to_dict() == {
        "neutral": 96
    }


def test_a_second_copy_of_all_actors_is_passed_over(shipped, root):
    expected = load_manifest(shipped("ravdess"), root).frame
    for actor in ravdess.ACTORS:
        name = f"Actor_{actor}"
        shutil.copytree(root / name, root / "audio_speech_actors_01-24" / name)
    manifest = load_manifest(shipped("ravdess"), root)
    assert manifest.frame.equals(expected)
    assert {one.reason for one in manifest.excluded} == {"copy"}
    assert len(manifest.excluded) == 1440


def test_the_archives_folder_below(shipped, root):
    folder = root / "Audio_Speech_Actors_01-24"
    folder.mkdir()
    for actor in ravdess.ACTORS:
        (root / f"Actor_{actor}").rename(folder / f"Actor_{actor}")
    paths = load_manifest(shipped("ravdess"), root).frame["path"]
    assert paths.iloc[0] == "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav"


def test_songs_and_video_are_left_out(shipped, root):
    write_voice(root / "Actor_01" / "03-02-01-01-01-01-01.wav")
    write_voice(root / "Video_Speech_Actor_02" / "Actor_02" / "01-01-01-01-01-01-02.wav")
    manifest = load_manifest(shipped("ravdess"), root)
    assert {(one.utterance, one.reason, one.detail) for one in manifest.excluded} == {
        ("Actor_01/03-02-01-01-01-01-01", "extra", "not speech without video"),
        (
            "Video_Speech_Actor_02/Actor_02/01-01-01-01-01-01-02",
            "extra",
            "not speech without video",
        ),
    }


def test_a_name_of_no_clip_is_told(shipped, root):
    write_voice(root / "Actor_01" / "03-01-09-01-01-01-01.wav")
    write_voice(root / "Actor_01" / "noise.wav")
    manifest = load_manifest(shipped("ravdess"), root)
    assert {(one.utterance, one.reason) for one in manifest.excluded} == {
        ("Actor_01/03-01-09-01-01-01-01", "extra"),
        ("Actor_01/noise", "extra"),
    }


def test_an_actor_who_is_not_there_is_told(shipped, root):
    shutil.rmtree(root / "Actor_07")
    with pytest.raises(CorpusError, match=r"1380 utterances can be used, but\n  missing .*: 60\n"):
        load_manifest(shipped("ravdess"), root)
    assert load_manifest(shipped("ravdess"), root, partial=True).frame["speaker"].nunique() == 23
