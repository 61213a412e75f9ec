"""MUStARD: the owners' own labels and folds, a miniature, and pickles that are something else."""

import json
import pickle
import pickletools
import shutil

import numpy as np
import pytest
from tests.layouts import mustard

from paralbench.corpora.load import load_manifest
from paralbench.corpora.readers.indices import read_indices
from paralbench.errors import CorpusError


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    mustard.build(root)
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "MUStARD")


@pytest.fixture
def read(shipped):
    return lambda root, **how: load_manifest(shipped("mustard"), root, **how)


@pytest.fixture
def owners(shared_labels, tmp_path):
    """The owners' repository without its clips."""
    shutil.copytree(shared_labels / "mustard", tmp_path / "MUStARD" / "data")
    return tmp_path / "MUStARD"


def test_the_owners_labels_give_the_counts_of_the_card(read, owners, shipped):
    expected = shipped("mustard").expected
    frame = read(owners, look=False).frame
    assert len(frame) == 690
    assert frame["speaker"].nunique() == expected.speakers
    assert frame["speaker"].str.replace(".*/", "", regex=True).nunique() == 21
    assert frame["split"].value_counts().to_dict() == expected.splits
    for label, counts in expected.classes.items():
        assert frame[label].value_counts().to_dict() == counts
    for split, classes in expected.split_classes.items():
        part = frame[frame["split"] == split]
        assert part["sarcasm"].value_counts().to_dict() == classes["sarcasm"]
    shows = frame.groupby(frame["speaker"].str.split("/").str[0])["sarcasm"]
    assert {show: (len(one), int((one == "sarcastic").sum())) for show, one in shows} == {
        "BBT": (280, 140),
        "FRIENDS": (356, 152),
        "GOLDENGIRLS": (40, 39),
        "SARCASMOHOLICS": (14, 14),
    }


def test_the_owners_folds_are_what_numpy_makes_of_them(owners):
    file = owners / "data" / "split_indices.p"
    found = read_indices("mustard", file)
    assert [(len(train), len(test)) for train, test in found] == [(552, 138)] * 5
    # As pickletools reads it, which runs nothing: the bytes of the arrays, in their order.
    raw = [
        argument.encode("latin1")
        for opcode, argument, _ in pickletools.genops(file.read_bytes())
        if opcode.name == "BINSTRING"
    ]
    arrays = [one for pair in found for one in pair]
    assert [one.tobytes() for one in arrays] == raw


def test_a_row(read, root):
    frame = read(root).frame.set_index("utterance")
    row = frame.loc["2_60"].to_dict()
    assert row["path"] == "data/videos/utterances_final/2_60.mp4"
    assert (row["speaker"], row["split"], row["sarcasm"]) == (
        "FRIENDS/CHANDLER",
        "test",
        "sarcastic",
    )
    assert row["transcript"] == "Is it \u2018number 0\u2019, said Chandler?"


def test_the_miniature_is_whole(read, root):
    manifest = read(root)
    frame = manifest.frame
    assert not manifest.excluded  # contexts are no extra clips
    assert frame["speaker"].nunique() == 10  # two of them called PERSON
    assert frame["fold"].value_counts().to_dict() == dict.fromkeys("12345", 8)
    speakers = {split: set(one) for split, one in frame.groupby("split")["speaker"]}
    assert not speakers["train"] & speakers["test"]


def test_folds_count_in_the_order_of_the_labels(read, root):
    names = list(mustard.entries())
    found = read(root).frame.set_index("utterance")["fold"]
    for fold, (_, test) in enumerate(mustard.folds(len(names)), 1):
        assert {found[names[place]] for place in test} == {str(fold)}


def test_without_folds_and_with_clips_in_other_places(read, root):
    (root / "data" / "split_indices.p").unlink()
    assert read(root).frame["fold"].isna().all()
    for place in ("mmsd_raw_data", "data/audios", "."):
        (root / "data" / "videos").rename(root / "moved")
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / "moved" / "utterances_final").rename(root / place / "utterances_final")
        assert len(read(root)) == 40
        (root / place / "utterances_final").rename(root / "moved" / "utterances_final")
        (root / "moved").rename(root / "data" / "videos")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_folds_as_python_3_writes_them(tmp_path, protocol):
    pairs = mustard.folds(10)
    file = tmp_path / "folds.p"
    file.write_bytes(pickle.dumps(pairs, protocol=protocol))
    if protocol == 5:  # arrays out of band are another reconstruction
        with pytest.raises(CorpusError, match="which is not allowed"):
            read_indices("mustard", file)
        return
    for one, other in zip(read_indices("mustard", file), pairs, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


class Run:
    """Opens a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps([1, 2]),
        pickle.dumps([[1, 2]]),
        pickle.dumps(["ab"]),
        pickle.dumps({}),
        pickle.dumps([]),
        pickle.dumps([(np.zeros(2), np.zeros(2))], protocol=4),
        pickle.dumps([(np.zeros((2, 2), int), np.zeros(2, int))], protocol=4),
        pickle.dumps([(np.array([None]), np.array([None]))], protocol=4),
        mustard.pickled(mustard.folds(10))[:-40],
        mustard.pickled(mustard.folds(10)).replace(b"multiarray\n_rec", b"multiarray\n_get"),
        mustard.pickled(mustard.folds(10)).replace(b"U\x02i8", b"U\x02O8"),
        mustard.pickled(mustard.folds(10)).replace(b"J\x08\x00", b"J\x09\x00"),
        b"cnumpy.core.multiarray\n_reconstruct\n}U\x01aK\x01sb.",
        b"cnumpy\nndarray\n}U\x01aK\x01sb.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x02cnumpy\nload\n.",
        b"not a pickle",
        b"",
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path, content):
    file = tmp_path / "folds.p"
    file.write_bytes(content)
    with pytest.raises(CorpusError, match=r"folds\.p is no list of indices"):
        read_indices("mustard", file)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_runs_nothing(tmp_path, protocol):
    file, ran = tmp_path / "folds.p", tmp_path / "ran"
    file.write_bytes(pickle.dumps([Run(ran)], protocol=protocol))
    with pytest.raises(CorpusError, match=r"it names \S+\.open, which is not allowed"):
        read_indices("mustard", file)
    assert not ran.exists()


def test_a_pickle_that_is_too_large_is_not_read(tmp_path):
    (tmp_path / "folds.p").write_bytes(bytes(2**22 + 1))
    with pytest.raises(CorpusError, match="4194305 bytes; it is no list of indices"):
        read_indices("mustard", tmp_path / "folds.p")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda pairs: pairs[:4], "8 of 40 utterances are tested in no fold"),
        (lambda pairs: [*pairs[:4], pairs[0]], r"fold 5 \(32 for training, 8 for test\)"),
        (lambda pairs: [(one + 1, two) for one, two in pairs], "does not divide the 40 utterances"),
        (lambda pairs: [(one[1:], two) for one, two in pairs], r"fold 1 \(31 for training"),
    ],
)
def test_folds_that_do_not_fit_the_labels(read, root, change, told):
    content = mustard.pickled(change(mustard.folds(40)))
    (root / "data" / "split_indices.p").write_bytes(content)
    with pytest.raises(CorpusError, match=told):
        read(root)


def test_what_is_wrong_with_the_labels_is_told(read, root):
    file = root / "data" / "sarcasm_data.json"
    (root / "data" / "split_indices.p").unlink()
    text, labels = file.read_text(), mustard.entries()
    first = next(iter(labels))
    file.write_text(text.replace("\n", "\r\n"))
    assert len(read(root)) == 40
    file.write_text(text.rstrip("}\n ") + "}, " + f'"{first}": ' + json.dumps(labels[first]) + "}")
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*sarcasm_data\.json, entry 41"):
        read(root)
    file.write_text(json.dumps(labels | {first: labels[first] | {"sarcasm": "perhaps"}}))
    with pytest.raises(CorpusError, match=r"entry 1: sarcasm: perhaps; the card allows"):
        read(root)
    file.write_text(json.dumps(labels | {first: {"utterance": "So?"}}))
    with pytest.raises(CorpusError, match=f"{first} has no 'speaker', 'show', 'sarcasm'; it has"):
        read(root)
    for other, told in (
        ("[]", "a mapping of utterances"),
        ("{", "is no JSON"),
        ("{}", "a mapping"),
    ):
        file.write_text(other)
        with pytest.raises(CorpusError, match=told):
            read(root)
    file.write_bytes(b"\xff\xfe\x81")
    with pytest.raises(CorpusError, match="is not text in"):
        read(root)


def test_half_of_the_audio_is_missing(read, root):
    for file in sorted((root / "data/videos/utterances_final").iterdir())[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 20\n"):
        read(root)
    assert len(read(root, partial=True)) == 20


def test_another_folder(read, root, tmp_path_factory):
    assert (
        len(read(root.parent)) == len(read(root / "data")) == len(read(root / "data/videos")) == 40
    )
    with pytest.raises(CorpusError, match=r"data/sarcasm_data\.json is expected there"):
        read(tmp_path_factory.mktemp("empty"))
