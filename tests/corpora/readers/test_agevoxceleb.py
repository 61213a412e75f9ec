"""AgeVoxCeleb: a miniature of its labels on VoxCeleb2, and VoxCeleb2's size."""

import shutil
from collections import Counter

import pytest
from tests.layouts import agevoxceleb
from tests.layouts.voices import write_voice

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import segments_of
from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    agevoxceleb.build(tmp_path)
    return tmp_path


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_a_line_of_the_owners(shipped, root):
    frame = load_manifest(shipped("agevoxceleb"), root).frame.set_index("utterance")
    row = frame.loc["id00042/34f5sBShxSo/00017"]
    assert row["path"] == "dev/aac/id00042/34f5sBShxSo/00017.m4a"
    assert (row["speaker"], row["session"]) == ("id00042", "id00042/34f5sBShxSo")
    assert (row["age"], row["gender"], row["split"]) == (71, "male", "test")


def test_parts_are_the_labels_not_those_of_voxceleb2(shipped, root):
    manifest = load_manifest(shipped("agevoxceleb"), root)
    frame = manifest.frame
    assert frame["split"].value_counts().to_dict() == {"train": 18, "test": 9}
    place = frame["path"].str.startswith("dev/")
    assert set(zip(frame["split"], place, strict=True)) == {
        ("train", True),
        ("train", False),
        ("test", True),
        ("test", False),
    }
    assert not manifest.excluded  # an utterance without an age is not in this corpus


def test_aac_is_decoded(shipped, root):
    frame = load_manifest(shipped("agevoxceleb"), root).frame
    audio = AudioCache().prepare(root, segments_of(frame))
    assert audio["reason"].isna().all()
    assert audio["seconds"].between(0.25, 0.45).all()


def test_videos_and_face_tracks_in_folders_of_the_same_names(shipped, root):
    whole = load_manifest(shipped("agevoxceleb"), root).frame
    for other in ("dev/mp4", "dev/txt"):
        (root / other / "id00012" / "21Uxsk56VDQ").mkdir(parents=True)
    write_voice(root / "dev/aac/id00012/21Uxsk56VDQ/00001.wav")  # decoded by the user: taken
    frame = load_manifest(shipped("agevoxceleb"), root).frame
    assert (frame["path"] != whole["path"]).sum() == 1
    assert frame["path"].iloc[0] == "dev/aac/id00012/21Uxsk56VDQ/00001.wav"


def test_labels_in_their_repository(shipped, root):
    whole = load_manifest(shipped("agevoxceleb"), root).frame
    (root / "agevoxceleb").mkdir()
    for name in ("utt2age.train", "utt2age.test"):
        shutil.move(root / name, root / "agevoxceleb" / name)
    assert load_manifest(shipped("agevoxceleb"), root).frame.equals(whole)


def test_without_the_table_of_speakers_gender_is_missing(shipped, root):
    assert load_manifest(shipped("agevoxceleb"), root).frame["gender"].notna().all()
    (root / "vox2_meta.csv").unlink()
    assert load_manifest(shipped("agevoxceleb"), root).frame["gender"].isna().all()


def test_half_of_the_audio_is_missing(shipped, root):
    for file in sorted(root.rglob("*.m4a"))[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 14\n.*utt2age\.train, line"):
        load_manifest(shipped("agevoxceleb"), root)
    assert len(load_manifest(shipped("agevoxceleb"), root, partial=True)) == 13


def test_what_is_wrong_with_a_list_is_told_with_its_place(shipped, root):
    file = root / "utt2age.test"
    text = file.read_text()
    first = text.split("\n")[0]

    def read(*lines):
        file.write_text(text + "\n".join(lines))
        return load_manifest(shipped("agevoxceleb"), root)

    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*utt2age\.test, line 10"):
        read(first)
    # An utterance of the other list, too.
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*00001: utt2age\.test, line 10"):
        read("id00012/21Uxsk56VDQ/00001 34")
    with pytest.raises(CorpusError, match=r"line 10: 3 cells, but 2 columns"):
        read("id00042 21Uxsk56VDQ 34")
    with pytest.raises(CorpusError, match=r"line 10: 'id42/x/1' is no utterance like id00042"):
        read("id42/x/1 34")
    with pytest.raises(CorpusError, match="line 10: only 1 of 2 cells"):
        read("id00042/21Uxsk56VDQ/00009")
    file.write_text(text.replace(" 70", " old", 1))
    with pytest.raises(CorpusError, match=r"label-unknown .*: 1\n.*line 1: age: old; the card all"):
        load_manifest(shipped("agevoxceleb"), root)


def test_line_ends_and_a_byte_order_mark(shipped, root):
    whole = load_manifest(shipped("agevoxceleb"), root).frame
    for name in ("utt2age.train", "utt2age.test", "vox2_meta.csv"):
        text = (root / name).read_text().replace("\n", "\r\n")
        (root / name).write_bytes(text.encode("utf-8-sig"))
    assert load_manifest(shipped("agevoxceleb"), root).frame.equals(whole)


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("agevoxceleb")
    assert len(load_manifest(card, root / "dev")) == 27
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "VoxCeleb2")
    assert len(load_manifest(card, above)) == 27
    with pytest.raises(
        CorpusError, match=r"utt2age\.train and utt2age\.test, with .* are expected"
    ):
        load_manifest(card, tmp_path_factory.mktemp("empty"))


SCALE = """
import resource, sys, time
from pathlib import Path
from paralbench.cards.catalogue import read_card, shipped_folder
from paralbench.corpora.load import load_manifest

card, *_ = read_card(shipped_folder() / "tasks" / "corpora" / "agevoxceleb.yaml", "corpus")
begin = time.process_time()
frame = load_manifest(card, Path(sys.argv[1]), look=False).frame
assert frame["speaker"].nunique() == 6112 and frame["age"].between(5, 90).all()
print(len(frame), time.process_time() - begin)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
def test_all_of_voxceleb2_in_a_minute_and_two_gigabytes(tmp_path, run_python):
    for part in (0, 1):
        speakers = range(part, 6112, 2)
        lines = (
            f"id{speaker:05}/{video:011}/{name:05} {5 + (speaker + video) % 86}\n"
            for speaker in speakers
            for video in range(25)
            for name in range(7 + (speaker % 5 == 0))
        )
        (tmp_path / ("utt2age.train", "utt2age.test")[part]).write_text("".join(lines))
    count, seconds, gigabytes = run_python(SCALE, str(tmp_path)).stdout.split()
    assert int(count) >= 1_100_000
    assert float(seconds) < 60
    assert float(gigabytes) < 2
