"""VoxCeleb1: the owners' table of speakers, and a miniature."""

import shutil
from collections import Counter

import pytest
from tests.layouts import voxceleb1
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    voxceleb1.build(tmp_path)
    return tmp_path


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_the_owners_table_of_speakers(shipped, shared_labels, tmp_path):
    shutil.copy(shared_labels / "voxceleb" / "vox1_meta.csv", tmp_path)
    names = [line.split("\t")[0] for line in (tmp_path / "vox1_meta.csv").read_text().split("\n")]
    lines = [f"1 {name}/a/00001.wav" for name in names if name.startswith("id")]
    (tmp_path / "iden_split.txt").write_text("\n".join(lines))
    frame = load_manifest(shipped("voxceleb1"), tmp_path, look=False).frame
    assert frame["speaker"].nunique() == 1251
    assert frame["gender"].value_counts().to_dict() == {"male": 690, "female": 561}
    assert frame["split"].value_counts().to_dict() == {"train": 1211, "test": 40}
    test = frame[frame["split"] == "test"]
    assert test["gender"].value_counts().to_dict() == {"male": 25, "female": 15}
    assert frame["path"].iloc[0] == "wav/id10001/a/00001.wav"


def test_the_miniature_is_whole(shipped, root):
    manifest = load_manifest(shipped("voxceleb1"), root)
    row = manifest.frame.set_index("utterance").loc["id10001/1zcIwhmdeo4/00001"]
    assert row["path"] == "wav/id10001/1zcIwhmdeo4/00001.wav"
    assert (row["speaker"], row["session"]) == ("id10001", "id10001/1zcIwhmdeo4")
    assert (row["gender"], row["split"]) == ("female", "train")
    assert not manifest.excluded


def test_no_speaker_of_the_identification_split_is_in_two_parts(shipped, root):
    frame = load_manifest(shipped("voxceleb1"), root).frame
    assert frame.groupby("speaker")["split"].nunique().max() == 1
    assert set(frame["split"]) == {"train", "test"}  # dev speakers are for training


@pytest.mark.parametrize("places", [("dev/wav", "test/wav"), ("vox1_dev_wav/wav", "vox1_test_wav")])
def test_parts_in_folders_of_their_own(shipped, root, places):
    for folder, test in zip(places, (False, True), strict=True):
        (root / folder).mkdir(parents=True)
        for speaker, (_, part) in voxceleb1.SPEAKERS.items():
            if (part == "test") == test:
                shutil.move(root / "wav" / speaker, root / folder / speaker)
    frame = load_manifest(shipped("voxceleb1"), root).frame.set_index("utterance")
    assert len(frame) == 42
    assert frame["path"].iloc[0].startswith(f"{places[0]}/id1000")
    assert frame["path"].iloc[-1].startswith(f"{places[1]}/id1027")


def test_without_the_list_of_utterances_the_folders_tell(shipped, root):
    whole = load_manifest(shipped("voxceleb1"), root).frame
    (root / "iden_split.txt").unlink()
    assert load_manifest(shipped("voxceleb1"), root).frame.equals(whole)
    assert load_manifest(shipped("voxceleb1"), root, look=False).frame.equals(whole)
    shutil.rmtree(root / "wav" / "id10003")
    with pytest.raises(CorpusError, match=r"missing .*: 1\n    id10003: no audio of this speaker"):
        load_manifest(shipped("voxceleb1"), root)
    assert len(load_manifest(shipped("voxceleb1"), root, partial=True)) == 39


def test_half_of_the_audio_is_missing(shipped, root):
    for file in sorted((root / "wav").rglob("*.wav"))[::2]:
        file.unlink()
    write_voice(root / "wav" / "id10001" / "xxxxxxxxxxx" / "00001.wav")
    with pytest.raises(CorpusError, match=r"missing .*: 21\n.*iden_split\.txt, line 1\)"):
        load_manifest(shipped("voxceleb1"), root)
    manifest = load_manifest(shipped("voxceleb1"), root, partial=True)
    assert reasons(manifest) == {"missing": 21, "extra": 1}


@pytest.mark.parametrize("listed", [True, False])
def test_a_speaker_who_is_not_in_the_table(shipped, root, listed):
    file = root / "vox1_meta.csv"
    lines = [line for line in file.read_text().split("\n") if "id10004" not in line]
    file.write_text("\n".join(lines))
    if not listed:
        (root / "iden_split.txt").unlink()
    with pytest.raises(CorpusError, match=r"label-unknown .*: 3\n.*not in vox1_meta\.csv"):
        load_manifest(shipped("voxceleb1"), root)
    manifest = load_manifest(shipped("voxceleb1"), root, partial=True)
    assert reasons(manifest)["label-unknown"] == 3


def test_what_is_wrong_with_a_table_is_told_with_its_place(shipped, root):
    meta, listed = root / "vox1_meta.csv", root / "iden_split.txt"
    table, names = meta.read_text(), listed.read_text()
    listed.write_text(names + names.split("\n", 1)[0])
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*iden_split\.txt, line 43"):
        load_manifest(shipped("voxceleb1"), root)
    listed.write_text(names)
    meta.write_text(table + table.split("\n")[1])
    with pytest.raises(
        CorpusError, match=r"csv, line 16: a second row for id10001 \(the first: vo"
    ):
        load_manifest(shipped("voxceleb1"), root)
    meta.write_text(table.replace("\tf\t", "\tx\t"))
    with pytest.raises(
        CorpusError, match=r"label-unknown .*: 21\n.*gender: x; the card allows fem"
    ):
        load_manifest(shipped("voxceleb1"), root)
    meta.write_text(table.replace("\tdev", "\tnone"))
    with pytest.raises(CorpusError, match=r"line 1: split: 'none' is not allowed"):
        load_manifest(shipped("voxceleb1"), root)
    meta.write_text(table.replace("Gender", "Sex"))
    with pytest.raises(CorpusError, match=r"vox1_meta\.csv has no column 'Gender'; it has"):
        load_manifest(shipped("voxceleb1"), root)


def test_line_ends_marks_and_commas(shipped, root):
    whole = load_manifest(shipped("voxceleb1"), root).frame
    for name in ("vox1_meta.csv", "iden_split.txt"):
        text = (root / name).read_text().replace("\n", "\r\n")
        (root / name).write_bytes(text.encode("utf-8-sig"))
    assert load_manifest(shipped("voxceleb1"), root).frame.equals(whole)
    meta = root / "vox1_meta.csv"
    meta.write_text(meta.read_text("utf-8-sig").replace("\t", ","))
    assert load_manifest(shipped("voxceleb1"), root).frame.equals(whole)


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("voxceleb1")
    assert len(load_manifest(card, root / "wav")) == 42
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "VoxCeleb1")
    assert len(load_manifest(card, above)) == 42
    with pytest.raises(CorpusError, match=r"vox1_meta\.csv is expected there"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
