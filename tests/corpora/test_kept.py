"""Kept manifests: never stale, and read anew where they are damaged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from paralbench import paths
from paralbench.cards import CorpusCard
from paralbench.corpora import kept
from paralbench.corpora.load import load_manifest
from paralbench.corpora.readers import csv_table

Lay = Callable[..., Path]
Card = Callable[..., CorpusCard]
OPTIONS = {"file": "labels.csv", "path": "{id}"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that the reader ``csv`` has read."""
    monkeypatch.setattr(kept, "WORTH_KEEPING", 2)
    read, folders = csv_table.read, []

    def counted(card: CorpusCard, root: Path, *, look: bool = True):
        folders.append(root)
        return read(card, root, look=look)

    counted.__module__ = read.__module__
    monkeypatch.setattr(csv_table, "read", counted)
    return folders


@pytest.fixture
def root(lay: Lay, tmp_path: Path) -> Path:
    root = lay(tmp_path / "corpus", "wav/a", "wav/b", "wav/c")
    (root / "labels.csv").write_text(
        "id,speaker,emotion,arousal\nwav/a,ann,anger,1\nwav/b,bob,neutral,\nwav/d,bob,rage,2\n"
    )
    return root


@pytest.fixture
def card(make_card: Card) -> CorpusCard:
    labels = {
        "emotion": {"kind": "class", "values": ["anger", "neutral"]},
        "arousal": {"kind": "number", "low": 1, "high": 7},
    }
    return make_card("csv", labels=labels, options=OPTIONS)


def load(card: CorpusCard, root: Path):
    return load_manifest(card, root, partial=True)


def test_the_same_manifest_without_reading(card, root, reads, monkeypatch):
    first = load(card, root)
    second = load(card, root)
    monkeypatch.chdir(root.parent)
    relative = load(card, Path("corpus"))
    assert reads == [root]
    for again in (second, relative):
        pd.testing.assert_frame_equal(first.frame, again.frame)
        assert again.excluded == first.excluded
    assert {one.reason for one in first.excluded} == {"label-unknown", "extra"}
    assert second.root == root
    assert relative.root.samefile(root)


def rewrite_with_the_same_size_and_time(root: Path) -> None:
    file = root / "labels.csv"
    before = file.stat()
    file.write_text(file.read_text().replace("ann", "eve"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def add_with_the_folders_time(root: Path) -> None:
    before = (root / "wav").stat()
    shutil.copy(root / "wav" / "a.wav", root / "wav" / "d.wav")
    os.utime(root / "wav", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "labels rewritten": rewrite_with_the_same_size_and_time,
    "audio added": add_with_the_folders_time,
    "audio removed": lambda root: (root / "wav" / "b.wav").unlink(),
    "audio renamed": lambda root: (root / "wav" / "c.wav").rename(root / "wav" / "d.wav"),
    "audio moved": lambda root: (root / "wav" / "c.wav").rename(root / "c.wav"),
    "labels gone and back otherwise": lambda root: (root / "labels.csv").write_text(
        "id,speaker,emotion,arousal\nwav/a,ann,anger,1\nwav/b,ann,anger,1\n"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_folder_is_read_again(change, card, root, reads):
    load(card, root)
    change(root)
    after = load(card, root)
    assert len(reads) == 2
    kept_one = load(card, root)
    assert len(reads) == 2 or len(after) < kept.WORTH_KEEPING
    shutil.rmtree(paths.manifests_home(), ignore_errors=True)
    fresh = load(card, root)
    for one in (after, kept_one):
        pd.testing.assert_frame_equal(one.frame, fresh.frame)
        assert one.excluded == fresh.excluded


def test_another_card_version_or_question_is_read_again(card, root, reads, monkeypatch):
    load(card, root)
    labels = {name: label.model_dump(mode="json") for name, label in card.labels.items()}
    labels["emotion"]["values"].append("rage")
    edited = CorpusCard.build(card.model_dump(mode="json") | {"labels": labels}, id=card.id)
    assert len(load(edited, root).excluded) == 2, "rage is known, its audio is missing"
    assert len(reads) == 2
    load_manifest(edited, root, partial=True, look=False)
    assert len(reads) == 3
    load(edited, root)
    assert len(reads) == 3
    monkeypatch.setattr(kept, "_code", lambda: "another version")
    load(edited, root)
    assert len(reads) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:],
        lambda raw: b"not a table at all" * 100,
    ],
    ids=["empty", "cut off", "one bit", "other"],
)
def test_a_damaged_file_is_read_again_and_replaced(damage, card, root, reads):
    first = load(card, root)
    (file,) = paths.manifests_home().iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    pd.testing.assert_frame_equal(load(card, root).frame, first.frame)
    assert len(reads) == 2
    assert file.read_bytes() == whole
    load(card, root)
    assert len(reads) == 2


def test_a_folder_too_high_is_kept_as_the_right_one(card, root, reads):
    for _ in range(2):
        assert load(card, root.parent).root == root
    assert reads.count(root) == 1


def test_where_nothing_can_be_written_it_is_told(card, root, reads, caplog):
    paths.manifests_home().parent.mkdir(parents=True, exist_ok=True)
    paths.manifests_home().write_text("a file, where a folder is needed")
    assert len(load(card, root)) == 2
    assert "The manifest of mine is not kept" in caplog.text


def test_small_manifests_and_those_of_other_packages_are_not_kept(card, root, monkeypatch):
    load(card, root)
    assert not paths.manifests_home().exists()
    monkeypatch.setattr(kept, "WORTH_KEEPING", 2)
    theirs = csv_table.read

    def read(card: CorpusCard, root: Path, *, look: bool = True):
        return theirs(card, root, look=look)

    monkeypatch.setattr(csv_table, "read", read)
    load(card, root)
    assert not paths.manifests_home().exists()
