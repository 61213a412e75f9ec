"""TIMIT: NIST SPHERE files, names in either case, ages from two dates."""

import re
import shutil

import numpy as np
import pytest
import soundfile
from tests.layouts import timit
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    timit.build(tmp_path / "TIMIT")
    return tmp_path / "TIMIT"


def _lower(folder):
    for path in sorted(folder.rglob("*"), key=lambda one: -len(one.parts)):
        path.rename(path.with_name(path.name.lower()))


def test_folders_tell_part_region_sex_and_speaker(shipped, root):
    frame = load_manifest(shipped("timit"), root).frame
    assert frame["split"].value_counts().to_dict() == {"train": 24, "test": 24}
    row = frame.set_index("utterance").loc["FCJB0-SA1"]
    assert (row["speaker"], row["gender"], row["dialect"]) == ("FCJB0", "female", "new-england")
    assert (row["path"], row["split"]) == ("TRAIN/DR1/FCJB0/SA1.WAV", "train")
    assert row["transcript"] == "She had your dark suit."
    regions = shipped("timit").labels["dialect"].values
    assert (frame["dialect"].value_counts() == 6).all()
    assert set(frame["dialect"]) == set(regions)


def test_the_files_are_sphere_and_can_be_decoded(shipped, root):
    path = root / load_manifest(shipped("timit"), root).frame["path"].iloc[0]
    assert path.read_bytes()[:7] == b"NIST_1A"
    samples, rate = soundfile.read(path)
    assert (rate, samples.shape) == (16_000, (4800,))
    assert np.abs(samples).max() > 0.01


def test_age_is_that_at_the_recording(shipped, root):
    frame = load_manifest(shipped("timit"), root).frame.set_index("utterance")
    # Recorded 03/03/86: born 06/17/60, the birthday is yet to come; born 01/03/49, it has been.
    assert frame.loc["FCJB0-SA1", "age"] == 25
    assert frame.loc["MCPB0-SX37", "age"] == 50
    assert frame.loc["FDAB0-SI1027", "age"] == 37


def test_a_speaker_without_a_date_of_birth_has_no_age(shipped, root):
    table = root / "DOC" / "SPKRINFO.TXT"
    who = re.findall(r"^([A-Z]{3}0)  ([FM]).*\?\?", table.read_text(), re.MULTILINE)
    frame = load_manifest(shipped("timit"), root).frame
    assert list(frame.loc[frame["age"].isna(), "speaker"]) == [sex + name for name, sex in who]
    assert len(who) == 1
    table.write_text(table.read_text().replace("06/17/60", "13/17/60"))
    assert load_manifest(shipped("timit"), root).frame["age"].isna().sum() == 17


@pytest.mark.parametrize("place", ["SPKRINFO.TXT", "doc/spkrinfo.txt", "../SPKRINFO.TXT"])
def test_places_of_the_table_of_speakers(shipped, root, place):
    (root / place).parent.mkdir(exist_ok=True)
    shutil.move(root / "DOC" / "SPKRINFO.TXT", root / place)
    (root / "DOC").rmdir()
    assert load_manifest(shipped("timit"), root).frame["age"].notna().sum() == 47


def test_without_the_table_there_are_no_ages_and_a_warning(shipped, root, caplog):
    shutil.rmtree(root / "DOC")
    frame = load_manifest(shipped("timit"), root).frame
    assert frame["age"].isna().all()
    assert frame["age"].dtype == "float64"
    assert "no DOC/SPKRINFO.TXT" in caplog.text


def test_names_in_lower_case_give_the_same_utterances(shipped, root):
    expected = load_manifest(shipped("timit"), root).frame
    _lower(root)
    found = load_manifest(shipped("timit"), root).frame
    columns = [name for name in expected.columns if name != "path"]
    assert found[columns].equals(expected[columns])
    assert found["path"].iloc[0] == "test/dr1/fakb0/sa1.wav"


def test_riff_copies_beside_the_owners_files_are_passed_over(shipped, root):
    expected = load_manifest(shipped("timit"), root).frame
    for path in expected["path"]:
        write_voice(root / f"{path}.wav")
    manifest = load_manifest(shipped("timit"), root)
    assert manifest.frame.equals(expected)
    assert {one.reason for one in manifest.excluded} == {"copy"}
    assert len(manifest.excluded) == 48
    # Only the copies.
    for path in expected["path"]:
        (root / path).unlink()
    frame = load_manifest(shipped("timit"), root).frame
    assert frame["path"].iloc[0] == "TEST/DR1/FAKB0/SA1.WAV.wav"
    assert list(frame["utterance"]) == list(expected["utterance"])


def test_riff_copies_whose_suffix_is_in_lower_case(shipped, root):
    paths = load_manifest(shipped("timit"), root).frame["path"]
    for path in paths:
        write_voice((root / path).with_suffix(".wav"))
    manifest = load_manifest(shipped("timit"), root)
    assert list(manifest.frame["path"]) == list(paths)
    assert [one.reason for one in manifest.excluded] == ["copy"] * 48


def test_a_sentence_without_words(shipped, root):
    (root / "TRAIN" / "DR1" / "FCJB0" / "SA1.TXT").unlink()
    row = load_manifest(shipped("timit"), root).frame.set_index("utterance").loc["FCJB0-SA1"]
    assert row.isna()["transcript"]


def test_another_file_of_a_speaker_is_told(shipped, root):
    write_voice(root / "TRAIN" / "DR1" / "FCJB0" / "noise.wav")
    (one,) = load_manifest(shipped("timit"), root).excluded
    assert (one.utterance, one.reason) == ("TRAIN/DR1/FCJB0/noise", "extra")


def test_one_part_alone_is_refused(shipped, root):
    shutil.rmtree(root / "TEST")
    with pytest.raises(CorpusError, match="TRAIN/ and TEST/ with folders DR1 to DR8 are expected"):
        load_manifest(shipped("timit"), root)
