"""L2-ARCTIC: speakers, folds and releases that are laid out differently."""

import shutil

import pytest
from tests.layouts import l2_arctic
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    l2_arctic.build(tmp_path)
    return tmp_path


def test_a_row_holds_what_the_owners_say(shipped, root):
    row = load_manifest(shipped("l2-arctic"), root).frame.set_index("utterance")
    one = row.loc["MBMPS/arctic_a0001"]
    assert (one["speaker"], one["gender"], one["accent"]) == ("MBMPS", "female", "spanish")
    assert one["path"] == "MBMPS/wav/arctic_a0001.wav"
    assert one["transcript"] == "Author of the danger trail, Philip Steels, etc."
    assert one["language"] == "en"
    assert one.isna()[["session", "split", "start", "end"]].all()


def test_each_accent_has_two_women_and_two_men(shipped, root):
    frame = load_manifest(shipped("l2-arctic"), root).frame.drop_duplicates("speaker")
    found = {name: tuple(sorted(rows["speaker"])) for name, rows in frame.groupby("accent")}
    assert found == l2_arctic.SPEAKERS
    counts = frame.groupby(["accent", "gender"]).size()
    assert (counts == 2).all()
    assert len(counts) == 12


def test_a_fold_has_one_speaker_of_each_accent_and_as_many_women_as_men(shipped, root):
    frame = load_manifest(shipped("l2-arctic"), root).frame.drop_duplicates("speaker")
    for _, fold in frame.groupby("fold"):
        assert sorted(fold["accent"]) == sorted(l2_arctic.SPEAKERS)
        assert fold["gender"].value_counts().to_dict() == {"female": 3, "male": 3}
    usual = frame.loc[frame["fold"] == "4", "speaker"]
    assert set(usual) == {"NJS", "TLV", "TNI", "TXHC", "YKWK", "ZHAA"}


def test_an_archive_in_a_folder_of_its_own(shipped, root):
    frame = load_manifest(shipped("l2-arctic"), root).frame.set_index("utterance")
    assert frame.loc["TNI/arctic_b0002", "path"] == "TNI/TNI/wav/arctic_b0002.wav"


def test_retold_stories_are_left_out(shipped, root):
    manifest = load_manifest(shipped("l2-arctic"), root)
    (story,) = manifest.excluded
    assert story.utterance == "suitcase_corpus/wav/aba"
    assert (story.reason, story.detail) == ("extra", "a retold story, not a read sentence")


def test_a_release_with_fewer_speakers(shipped, root):
    for speaker in l2_arctic.SPEAKERS["vietnamese"]:
        shutil.rmtree(root / speaker)
    frame = load_manifest(shipped("l2-arctic"), root).frame
    assert frame["speaker"].nunique() == 20
    assert "vietnamese" not in set(frame["accent"])


def test_recordings_without_transcripts(shipped, root):
    for folder in root.glob("*/transcript"):
        shutil.rmtree(folder)
    shutil.rmtree(root / "TNI" / "TNI" / "transcript")
    frame = load_manifest(shipped("l2-arctic"), root).frame
    assert len(frame) == 72
    assert frame["transcript"].isna().all()


def test_another_recording_of_a_speaker_is_told(shipped, root):
    write_voice(root / "ABA" / "wav" / "test.wav")
    manifest = load_manifest(shipped("l2-arctic"), root)
    assert ("ABA/wav/test", "extra") in {(one.utterance, one.reason) for one in manifest.excluded}


def test_a_transcript_without_a_recording_is_missing(shipped, root):
    (root / "NJS" / "transcript" / "arctic_b0001.txt").write_text("A sentence")
    with pytest.raises(CorpusError, match=r"NJS/arctic_b0001: .*NJS/transcript/arctic_b0001\.txt"):
        load_manifest(shipped("l2-arctic"), root)
