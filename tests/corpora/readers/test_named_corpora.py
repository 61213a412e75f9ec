"""Corpora whose labels are in names and lists: what holds for all of them, on the miniatures."""

import importlib
import logging
from dataclasses import dataclass

import pandas as pd
import pytest
from tests.layouts.folds import folds_of, tasks_of

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@dataclass(frozen=True)
class Known:
    """What is known of a corpus: tasks, a folder too deep, and whether it lists its audio."""

    tasks: int
    deep: str
    listed: bool


CORPORA = {
    "accentdb": Known(2, "data/indian", False),
    "british-dialects": Known(2, "irish_english_male", True),
    "common-voice": Known(3, "en/clips", True),
    "emodb": Known(3, "lablaut", False),
    "kespeech": Known(3, "Tasks", True),
    "l2-arctic": Known(2, "ABA", True),
    "ravdess": Known(3, "Actor_01", True),
    "timit": Known(3, "TRAIN/DR1", True),
}
AUDIO = (".wav", ".WAV", ".mp3")


@pytest.fixture
def build(tmp_path):
    """Build a miniature, one level below the test's folder."""

    def of(corpus):
        root = tmp_path / "it"
        root.mkdir()
        importlib.import_module(f"tests.layouts.{corpus.replace('-', '_')}").build(root)
        return root

    return of


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_task_has_folds(shipped, build, corpus):
    root = build(corpus)
    tasks = tasks_of(corpus)
    assert len(tasks) == CORPORA[corpus].tasks
    for task in tasks:
        frame, folds = folds_of(task, shipped(corpus), root)
        tested = [row for fold in folds for row in fold.test]
        assert len(tested) == len(set(tested))
        if task.split.protocol != "official":
            assert len(tested) == len(frame)
        for fold in folds:
            if task.selection == "development":
                assert fold.development is not None
            speakers = [set(frame["speaker"].iloc[rows]) for rows in fold.parts().values()]
            shared = sum(map(len, speakers)) - len(set.union(*speakers))
            assert bool(shared) == ("speaker" in task.split.leaks)


@pytest.mark.parametrize(("task", "corpus"), [("accent", "l2-arctic"), ("dialect", "kespeech")])
def test_the_core_tasks(task, corpus):
    (card,) = [one for one in tasks_of(corpus) if one.id == task]
    assert card.core
    assert card.metrics[0] == "uar"
    assert card.span == "long"


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_folder_too_high_or_too_deep_is_set_right_with_a_warning(shipped, build, caplog, corpus):
    root = build(corpus)
    expected = load_manifest(shipped(corpus), root).frame
    deep = root / CORPORA[corpus].deep
    for given, which in ((root.parent, "too high"), (deep, "too deep")):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            manifest = load_manifest(shipped(corpus), given)
        assert which in caplog.text
        assert "Going on with that folder." in caplog.text
        inner = {"common-voice": "en", "accentdb": "data"}.get(corpus) if given == deep else None
        assert manifest.root == (root / inner if inner else root)
        columns = [name for name in expected.columns if inner is None or name != "path"]
        pd.testing.assert_frame_equal(manifest.frame[columns], expected[columns])


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_folder_that_is_something_else_is_refused(shipped, tmp_path, corpus):
    (tmp_path / "a" / "b" / "c" / "notes").mkdir(parents=True)
    with pytest.raises(CorpusError, match=f"{corpus}: .* is not the corpus's folder: .* expected"):
        load_manifest(shipped(corpus), tmp_path / "a" / "b" / "c")


@pytest.mark.parametrize("corpus", CORPORA)
def test_half_of_the_audio_missing(shipped, build, corpus):
    root = build(corpus)
    whole = load_manifest(shipped(corpus), root)
    paths = sorted(whole.frame["path"])[::2]
    for path in paths:
        (root / path).unlink()
    if CORPORA[corpus].listed:
        with pytest.raises(CorpusError, match=rf"not whole; (?s:.*)missing .*: {len(paths)}\n"):
            load_manifest(shipped(corpus), root)
    rest = load_manifest(shipped(corpus), root, partial=True)
    assert len(rest) == len(whole) - len(paths)
    missing = [one for one in rest.excluded if one.reason == "missing"]
    assert len(missing) == (len(paths) if CORPORA[corpus].listed else 0)


@pytest.mark.parametrize("corpus", [name for name, one in CORPORA.items() if one.listed])
def test_labels_are_read_without_audio(shipped, build, corpus):
    root = build(corpus)
    whole = load_manifest(shipped(corpus), root)
    for file in [one for one in root.rglob("*") if one.suffix in AUDIO]:
        file.unlink()
    manifest = load_manifest(shipped(corpus), root, look=False)
    columns = [name for name in whole.frame.columns if name != "path"]
    pd.testing.assert_frame_equal(manifest.frame[columns], whole.frame[columns])


@pytest.mark.parametrize("corpus", CORPORA)
def test_line_ends_of_windows_and_a_byte_order_mark(shipped, build, corpus):
    root = build(corpus)
    expected = load_manifest(shipped(corpus), root)
    for file in [one for one in root.rglob("*") if one.is_file() and one.suffix not in AUDIO]:
        raw = file.read_bytes().replace(b"\n", b"\r\n")
        file.write_bytes(b"\xef\xbb\xbf" + raw if raw else raw)
    found = load_manifest(shipped(corpus), root)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    assert found.excluded == expected.excluded


@pytest.mark.parametrize("corpus", CORPORA)
def test_litter_and_other_files_change_nothing(shipped, build, corpus):
    root = build(corpus)
    expected = load_manifest(shipped(corpus), root)
    path = root / expected.frame["path"].iloc[0]
    path.with_name("._" + path.name).write_bytes(b"litter")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / path.name).write_bytes(b"litter")
    (root / "readme.md").write_text("notes")
    found = load_manifest(shipped(corpus), root)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    assert found.excluded == expected.excluded


@pytest.mark.parametrize("corpus", CORPORA)
def test_flac_copies_are_taken(shipped, build, corpus):
    root = build(corpus)
    expected = load_manifest(shipped(corpus), root)
    for path in expected.frame["path"]:
        (root / path).rename((root / path).with_suffix(".flac"))
    found = load_manifest(shipped(corpus), root).frame
    assert found["path"].str.endswith(".flac").all()
    columns = [name for name in found.columns if name != "path"]
    pd.testing.assert_frame_equal(found[columns], expected.frame[columns])
