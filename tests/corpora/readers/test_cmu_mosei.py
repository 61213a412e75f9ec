"""CMU-MOSEI: a miniature with labels in the owners' form and in s3prl's."""

import builtins
import re
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
from tests.layouts import cmu_mosei

from paralbench.corpora.load import load_manifest
from paralbench.corpora.readers.cmu_mosei import seven
from paralbench.errors import CorpusError, MissingExtraError

CSD, CSV, FOLDS = "CMU_MOSEI_Labels.csd", "CMU_MOSEI_Labels.csv", "cmu_mosei_std_folds.py"
CLASSES = ["sentiment", "sentiment-2", "sentiment-7"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    cmu_mosei.build(root)
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "Raw")


@pytest.fixture
def read(shipped):
    return lambda root, **how: load_manifest(shipped("cmu-mosei"), root, **how)


@pytest.fixture
def without_h5py(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_the_two_forms_of_the_labels_agree(read, root):
    owners = read(root).frame
    (root / CSD).unlink()
    s3prl = read(root).frame
    same = ["utterance", "path", "session", "split", *CLASSES]
    assert owners[same].fillna("").equals(s3prl[same].fillna(""))
    for name in ("start", "end"):
        np.testing.assert_allclose(owners[name], s3prl[name])
    assert s3prl["score"].isna().all()
    assert s3prl["emotion"].isna().all()


def test_the_miniature_is_whole(read, root):
    manifest = read(root)
    frame = manifest.frame
    assert not manifest.excluded
    assert frame["split"].value_counts().to_dict() == dict.fromkeys(
        ("train", "development", "test"), 21
    )
    assert frame["split"].isna().sum() == 7  # a video of no fold
    assert frame["speaker"].isna().all()
    assert frame["session"].nunique() == 10
    assert frame.groupby("split")["sentiment-7"].nunique().tolist() == [7, 7, 7]


def test_a_segment_is_named_by_its_place_in_the_file_and_starts_in_its_video(read, root):
    rows = read(root).frame.set_index("utterance")
    first = rows.loc["tr-_0xQ_1"]
    assert (first["start"], first["end"]) == (0.0, pytest.approx(0.3))  # -0.2 s in the file
    assert first["path"] == "Audio/Full/WAV_16000/tr-_0xQ.wav"
    assert (first["score"], first["sentiment"]) == (pytest.approx(-2.6), "negative")
    assert rows.loc["tr-_0xQ_0"]["start"] == pytest.approx(0.9)


def test_the_strongest_emotion_is_missing_where_there_is_none_or_several(read, root):
    with h5py.File(root / CSD, "a") as file:
        features = file["All Labels/data/tr-_0xQ/features"]
        features[1, 1:] = [1, 1, 0, 0, 0, 0.5]
        features[2, 1:] = [0.5, 1, 0, 0, 0, 0]
    rows = read(root).frame.set_index("utterance")["emotion"]
    assert rows["tr-_0xQ_0"] == "happiness"
    assert rows.isna()["tr-_0xQ_1"]
    assert rows["tr-_0xQ_2"] == "sadness"
    assert rows.isna()["tr-_0xQ_6"]


@pytest.mark.parametrize(
    ("score", "name"),
    [
        *((-3, -3), (-2.1, -3), (-2, -2), (-1.1, -2), (-1, -1), (-0.01, -1)),
        *((0, 0), (0.01, 1), (1, 1), (1.1, 2), (2, 2), (2.1, 3), (3, 3)),
    ],
)
def test_seven_classes_by_the_rule_of_the_sdk(score, name):
    assert seven(score) == str(name)


def test_counts_of_the_card_agree_among_themselves(shipped):
    expected = shipped("cmu-mosei").expected
    for split, classes in expected.split_classes.items():
        for counts in classes.values():
            assert sum(counts.values()) == expected.splits[split]
    assert sum(expected.splits.values()) + 399 == expected.utterances
    test = expected.split_classes["test"]
    signs = [sum(test["sentiment-7"][one] for one in ("-3", "-2", "-1")), test["sentiment-7"]["0"]]
    assert signs == [test["sentiment"]["negative"], test["sentiment"]["neutral"]]


def test_the_folds_are_read_and_never_run(read, root):
    (root / CSV).unlink()
    text = (root / FOLDS).read_text()
    ran = root / "ran"
    (root / FOLDS).write_text(f"open({str(ran)!r}, 'w')\nimport nothing_like_this\n{text}")
    assert read(root).frame["split"].notna().sum() == 63
    assert not ran.exists()
    (root / FOLDS).write_text(text.replace("standard_valid_fold=", "standard_valid_fold=list", 1))
    with pytest.raises(CorpusError, match=r"std_folds\.py is no list of folds"):
        read(root)
    (root / FOLDS).write_text("standard_train_fold=['a']\n")
    with pytest.raises(CorpusError, match="does not give standard_train_fold, standard_valid"):
        read(root)
    (root / FOLDS).unlink()
    with pytest.raises(CorpusError, match=r"put the owners' cmu_mosei_std_folds\.py"):
        read(root)


def test_folds_of_s3prl_serve_the_owners_labels(read, root):
    (root / FOLDS).unlink()
    frame = read(root).frame
    assert frame["split"].notna().sum() == 63
    assert frame["score"].notna().all()


def test_without_h5py(read, root, without_h5py):
    assert read(root).frame["score"].isna().all()  # s3prl's table
    (root / CSV).unlink()
    with pytest.raises(MissingExtraError, match=r"paralbench\[mosei\]"):
        read(root)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file.__delitem__("All Labels"), "one group with `data` is expected"),
        (
            lambda file: file.__delitem__("All Labels/data/81406/features"),
            "81406 has no 'features'",
        ),
        (lambda file: _replace(file, "features", np.zeros((7, 6))), r"features \(7, 6\)"),
        (lambda file: _replace(file, "intervals", np.zeros((6, 2))), r"intervals \(6, 2\)"),
        (lambda file: _replace(file, "features", np.full((7, 7), 4)), "allows numbers from -3.0"),
    ],
)
def test_a_damaged_file_of_the_owners(read, root, change, told):
    with h5py.File(root / CSD, "a") as file:
        change(file)
    with pytest.raises(CorpusError, match=told):
        read(root)


def _replace(file, name, values):
    group = file["All Labels/data/81406"]
    del group[name]
    group[name] = values


def test_a_file_that_is_no_hdf5(read, root):
    (root / CSD).write_bytes((root / CSD).read_bytes()[:1000])
    with pytest.raises(CorpusError, match="cannot be read as HDF5"):
        read(root)


def test_segments_without_a_score_are_left_out(read, root):
    with h5py.File(root / CSD, "a") as file:
        file["All Labels/data/tr-_0xQ/features"][6, 0] = np.nan
    assert Counter(one.reason for one in read(root).excluded) == {"label-missing": 1}


def test_what_is_wrong_with_s3prls_table_is_told(read, root):
    (root / CSD).unlink()
    text = (root / CSV).read_text()
    lines = text.splitlines()

    def write(*changed, ends="\n"):
        (root / CSV).write_bytes((ends.join([lines[0], *changed]) + ends).encode())

    write(*lines[1:], ends="\r\n")
    assert len(read(root)) == 70
    write(*lines[1:], lines[1])
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*Labels\.csv, line 72"):
        read(root)
    write(re.sub(r",0,2?-?\d,\d$", ",0,9,0", lines[1]), *lines[2:])
    with pytest.raises(CorpusError, match=r"sentiment-7: 9; the card allows"):
        read(root)
    write(lines[1].replace(",0.8", ",x", 1).replace(",0.9", ",x"), *lines[2:])
    with pytest.raises(CorpusError, match=r"line 2: .*'x.*' is not allowed\. Allowed: a number of"):
        read(root)
    (root / CSV).write_text(text.replace("label2b", "label"))
    with pytest.raises(CorpusError, match=r"Labels\.csv has no column 'label2b'"):
        read(root)


def test_half_of_the_audio_is_missing(read, root):
    for file in sorted((root / "Audio/Full/WAV_16000").iterdir())[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 35\n"):
        read(root)
    assert len(read(root, partial=True)) == 35


def test_another_folder(read, root, tmp_path_factory):
    assert len(read(root.parent)) == len(read(root / "Audio")) == 70
    (root / "Labels").mkdir()
    (root / CSD).rename(root / "Labels" / CSD)
    assert len(read(root)) == 70
    with pytest.raises(CorpusError, match=r"WAV_16000/ and CMU_MOSEI_Labels\.csd or CMU_MOSEI"):
        read(tmp_path_factory.mktemp("empty"))
