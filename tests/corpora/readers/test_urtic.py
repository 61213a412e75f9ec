"""URTIC: a miniature, with and without the labels of the test part."""

import shutil
from collections import Counter

import pytest
from tests.layouts import urtic
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    urtic.build(tmp_path)
    return tmp_path


@pytest.fixture
def table(root):
    return root / "lab" / "ComParE2017_Cold.tsv"


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_names_tell_the_part_and_speakers_are_unknown(shipped, root):
    manifest = load_manifest(shipped("urtic"), root)
    row = manifest.frame.set_index("utterance").loc["devel_0004"]
    assert (row["path"], row["split"], row["cold"]) == ("wav/devel_0004.wav", "development", "cold")
    assert manifest.frame["speaker"].isna().all()
    counts = manifest.frame.groupby("split")["cold"].value_counts().to_dict()
    assert counts == {
        ("train", "no cold"): 12,
        ("train", "cold"): 4,
        ("development", "no cold"): 9,
        ("development", "cold"): 3,
    }


@pytest.mark.parametrize("hidden", ["?", "-1", '"?"', ""])
def test_test_files_without_a_label_are_left_out_listed_or_not(shipped, root, table, hidden):
    table.write_text(table.read_text().replace("?", hidden))
    manifest = load_manifest(shipped("urtic"), root)
    assert [one.utterance for one in manifest.excluded] == [f"test_000{n}" for n in range(1, 5)]
    assert reasons(manifest) == {"label-missing": 4}


def test_labels_of_the_test_part_where_they_are_given(shipped, root, table):
    rows = [f"test_{number:04}.wav\t{'C' if number == 4 else 'NC'}" for number in range(1, 5)]
    lines = [line for line in table.read_text().splitlines() if "test_" not in line]
    table.write_text("\n".join([*lines, *rows]))
    manifest = load_manifest(shipped("urtic"), root)
    assert manifest.frame["split"].value_counts().to_dict() == {
        "train": 16,
        "development": 12,
        "test": 4,
    }
    assert not manifest.excluded


def test_quotation_marks_line_ends_and_a_byte_order_mark(shipped, root, table):
    whole = load_manifest(shipped("urtic"), root).frame
    lines = ['"' + line.replace("\t", '"\t"') + '"' for line in table.read_text().splitlines()]
    table.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert load_manifest(shipped("urtic"), root).frame.equals(whole)


def test_the_releases_counts_add_up(shipped):
    for release in shipped("urtic").releases.values():
        assert sum(release.splits.values()) == release.utterances
        for part, classes in release.split_classes.items():
            assert sum(classes["cold"].values()) == release.splits[part]


def test_half_of_the_audio_is_missing(shipped, root):
    for file in sorted((root / "wav").glob("[dt][er]*.wav"))[::2]:
        file.unlink()
    write_voice(root / "wav" / "noise.wav")
    with pytest.raises(CorpusError, match=r"missing .*: 14\n.*ComParE2017_Cold\.tsv, line 2\)"):
        load_manifest(shipped("urtic"), root)
    manifest = load_manifest(shipped("urtic"), root, partial=True)
    assert len(manifest) == 14
    assert reasons(manifest)["extra"] == 1


def test_what_is_wrong_with_the_table_is_told_with_its_place(shipped, root, table):
    text = table.read_text()

    def read(changed):
        table.write_text(changed)
        return load_manifest(shipped("urtic"), root, look=False)

    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*tsv, line 32"):
        read(text + "train_0001.wav\tNC\n")
    with pytest.raises(
        CorpusError, match=r"label-unknown .*: 1\n.*line 2: cold: X; the card allow"
    ):
        read(text.replace("train_0001.wav\tNC", "train_0001.wav\tX"))
    with pytest.raises(CorpusError, match=r"line 32: 'dev_0001' is no file like train_0001\.wav"):
        read(text + "dev_0001.wav\tNC\n")
    with pytest.raises(
        CorpusError, match=r"has no column 'Cold \(upper .*'; it has 'file_name', 'c"
    ):
        read(text.replace("Cold (upper respiratory tract infection)", "class"))
    with pytest.raises(CorpusError, match="Is the separator another one than the owners'"):
        read(text.replace("\t", ";"))


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("urtic")
    for place in ("wav", "lab"):
        assert len(load_manifest(card, root / place)) == 28
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "ComParE2017_Cold_4students")
    assert len(load_manifest(card, above)) == 28
    with pytest.raises(CorpusError, match=r"lab/ComParE2017_Cold\.tsv and wav/ are expected there"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
