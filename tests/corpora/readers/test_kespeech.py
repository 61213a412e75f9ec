"""KeSpeech: Kaldi's lists, joined by utterance."""

import pytest
from tests.layouts import kespeech

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    kespeech.build(tmp_path)
    return tmp_path


def _lists(root, part):
    return root / "Tasks" / "ASR" / part


def _append(file, line):
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def _replace(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_rows_are_joined_by_utterance(shipped, root):
    frame = load_manifest(shipped("kespeech"), root).frame
    assert len(frame) == 81
    assert frame["split"].value_counts().to_dict() == {"train": 27, "development": 27, "test": 27}
    for dialect, rows in frame.groupby("dialect"):
        assert (rows["split"].value_counts() == 3).all(), dialect
    row = frame.set_index("utterance").loc["1000001_00000001"]
    # Dialects are listed in another order than files.
    assert (row["dialect"], row["gender"], row["age"]) == ("Mandarin", "male", 25)
    assert row["path"] == "Audio/1000001/phase1/1000001_00000001.wav"
    assert row["transcript"] == "今天天气很好"
    assert row["language"] == "zh"


def test_both_phases_are_read(shipped, root):
    frame = load_manifest(shipped("kespeech"), root).frame
    phase = frame["path"].str.extract(r"/(phase[12])/", expand=False)
    assert phase.value_counts().to_dict() == {"phase1": 63, "phase2": 18}


def test_paths_with_a_machines_own_folder_in_front(shipped, root):
    file = _lists(root, "test") / "wav.scp"
    _replace(file, " Audio/", " /data/Audio/KeSpeech/Audio/")
    paths = load_manifest(shipped("kespeech"), root).frame["path"]
    assert paths.str.match(r"Audio/[0-9]+/phase").all()


def test_lists_with_tabs(shipped, root):
    for file in root.rglob("utt2*"):
        _replace(file, " ", "\t")
    assert len(load_manifest(shipped("kespeech"), root)) == 81


def test_an_utterance_without_a_subdialect_or_an_age_is_kept(shipped, root):
    _replace(_lists(root, "test") / "utt2subdialect", "1000081_00000051 Beijing\n", "")
    _replace(root / "Metadata" / "spk2age", "1000081 ", "1000999 ")
    row = load_manifest(shipped("kespeech"), root).frame.set_index("utterance")
    assert row.loc["1000081_00000051"].isna()[["dialect", "age"]].all()
    assert row.loc["1000081_00000051", "gender"] == "male"


def test_an_unknown_subdialect_is_told_with_its_line(shipped, root):
    _replace(_lists(root, "dev_phase1") / "utt2subdialect", " Jiang-Huai", " Wu")
    with pytest.raises(CorpusError, match=r"label-unknown .*: 2\n.*dialect: Wu; the card allows"):
        load_manifest(shipped("kespeech"), root)
    assert len(load_manifest(shipped("kespeech"), root, partial=True)) == 79


def test_a_label_that_names_no_file_is_told(shipped, root):
    _append(_lists(root, "test") / "utt2subdialect", "1000081_ffffffff Beijing")
    with pytest.raises(
        CorpusError, match=r"1000081_ffffffff: test/utt2subdialect, line 28, and not in wav\.scp"
    ):
        load_manifest(shipped("kespeech"), root)


def test_an_utterance_in_two_parts_is_told(shipped, root):
    for name in ("wav.scp", "utt2spk", "utt2subdialect"):
        line = (_lists(root, "test") / name).read_text().splitlines()[0]
        _append(_lists(root, "train_phase1") / name, line)
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*: test/wav\.scp, line 1"):
        load_manifest(shipped("kespeech"), root)


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk", "utt2subdialect", "text"])
def test_a_list_that_is_missing_or_empty_is_named(shipped, root, name):
    file = _lists(root, "dev_phase2") / name
    file.write_text("")
    with pytest.raises(CorpusError, match=rf"dev_phase2/{name} has no rows"):
        load_manifest(shipped("kespeech"), root)
    file.unlink()
    with pytest.raises(CorpusError, match=rf"dev_phase2/{name} is missing"):
        load_manifest(shipped("kespeech"), root)


def test_another_encoding_is_refused(shipped, root):
    file = _lists(root, "test") / "text"
    file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(CorpusError, match=r"test/text is not text in utf-8-sig"):
        load_manifest(shipped("kespeech"), root)
