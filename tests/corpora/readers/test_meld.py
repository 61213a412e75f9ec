"""MELD: the owners' own tables, and a miniature in the layouts that copies have."""

import csv
import shutil

import pytest
from tests.layouts import meld

from paralbench.cards.catalogue import read_card, shipped_folder
from paralbench.corpora.load import load_manifest, read_manifest
from paralbench.errors import CorpusError

PARTS = {"train": "train", "dev": "development", "test": "test"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    meld.build(root)
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "MELD.Raw")


@pytest.fixture
def read(shipped):
    return lambda root, **how: load_manifest(shipped("meld"), root, **how)


@pytest.fixture
def change(root):
    """Write the table of a part anew."""

    def write(part, rows, header=meld.HEADER, encoding="utf-8", ends="\n"):
        with (root / meld.TABLES[part]).open("w", newline="", encoding=encoding) as file:
            csv.writer(file, lineterminator=ends).writerows([header, *rows])

    return write


def test_the_owners_tables_give_the_counts_of_the_card(shipped, shared_labels):
    card = shipped("meld")
    frame = read_manifest(card, shared_labels / "meld", look=False).frame
    expected = card.expected
    assert len(frame) == expected.utterances
    assert frame["speaker"].nunique() == expected.speakers
    assert frame["session"].nunique() == expected.sessions
    assert frame["split"].value_counts().to_dict() == expected.splits
    for split, classes in expected.split_classes.items():
        part = frame[frame["split"] == split]
        for label, counts in classes.items():
            assert part[label].value_counts().to_dict() == counts
    heard = set(frame.loc[frame["split"] == "train", "speaker"])
    tested = frame.loc[frame["split"] == "test", "speaker"]
    assert tested.isin(list(heard)).mean() == pytest.approx(0.958, abs=0.001)


def test_a_row_of_the_owners(shipped, shared_labels):
    frame = load_manifest(shipped("meld"), shared_labels / "meld", look=False).frame
    row = frame.set_index("utterance").loc["train/dia0_utt0"]
    assert row["path"] == "train/train_splits/dia0_utt0.mp4"
    assert (row["speaker"], row["session"]) == ("Chandler", "train/dia0")
    assert (row["emotion"], row["sentiment"]) == ("neutral", "neutral")
    assert row["transcript"].startswith("also I was the point person on my company\u2019s")


def test_clips_that_cannot_be_decoded_are_known(shipped, shared_labels):
    manifest = load_manifest(shipped("meld"), shared_labels / "meld", look=False)
    assert manifest.frame["split"].value_counts().to_dict() == {
        "train": 9988,
        "development": 1108,
        "test": 2610,
    }
    assert {one.utterance: one.reason for one in manifest.excluded} == {
        "train/dia125_utt3": "known-bad",
        "dev/dia110_utt7": "known-bad",
    }


def test_a_clip_that_is_known_to_be_bad_may_be_missing(read, change, root):
    rows = meld.rows("dev")
    change("dev", [*rows, (*rows[0][:5], "110", "7", *rows[0][7:])])
    assert len(read(root)) == 63


def test_the_miniature_is_whole(read, root):
    manifest = read(root)
    frame = manifest.frame
    assert frame["split"].value_counts().to_dict() == dict.fromkeys(PARTS.values(), 21)
    assert frame["session"].nunique() == 21  # dialogue 0 of each part is another one
    assert [(one.utterance, one.reason) for one in manifest.excluded] == [
        ("output_repeated_splits_test/final_videos_testdia0_utt0", "extra")
    ]
    assert set(frame["speaker"]) == set(meld.SPEAKERS)


@pytest.mark.parametrize("place", [".", "PART"])
def test_tables_and_clips_here_or_in_a_folder_of_the_part(read, root, tmp_path, place):
    other = tmp_path / "other"
    for part, folder in meld.FOLDERS.items():
        below = other / place.replace("PART", part)
        below.mkdir(parents=True, exist_ok=True)
        (root / folder).rename(below / folder.rpartition("/")[2])
        (root / meld.TABLES[part]).rename(below / f"{part}_sent_emo.csv")
    assert len(read(other)) == 63


@pytest.mark.parametrize("label", ["emotion", "sentiment"])
def test_tasks_declare_that_the_parts_share_speakers(label):
    (task, *_) = read_card(shipped_folder() / "tasks" / "extended" / f"meld-{label}.yaml", "task")
    assert "speaker" in task.split.leaks


def test_what_is_wrong_with_a_table_is_told(read, change, root):
    rows = meld.rows("dev")
    change("dev", [*rows, rows[0]])
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*dev_sent_emo\.csv, line 23"):
        read(root)
    change("dev", [*rows[1:], (*rows[0][:3], "bored", *rows[0][4:])])
    with pytest.raises(CorpusError, match=r"dev/dia0_utt0: dev_sent_emo\.csv, .* emotion: bored"):
        read(root)
    change("dev", [*rows, (*rows[0][:5], "99", *rows[0][6:])])
    with pytest.raises(CorpusError, match=r"missing .*: 1\n    dev/dia99_utt0: dev_splits_comp"):
        read(root)
    change("dev", rows, [name.replace("Speaker", "Who") for name in meld.HEADER])
    with pytest.raises(CorpusError, match=r"dev_sent_emo\.csv has no column 'Speaker'; it has"):
        read(root)


def test_an_old_encoding_and_line_ends(read, change, root):
    change("dev", meld.rows("dev"), encoding="cp1252", ends="\r\n")
    words = read(root).frame.set_index("utterance")["transcript"]
    assert words["dev/dia0_utt1"] == words["test/dia0_utt1"].replace("test", "dev")


def test_half_of_the_audio_is_missing(read, root):
    for file in sorted(root.rglob("dia*.mp4"))[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 32\n"):
        read(root)
    assert len(read(root, partial=True)) == 31


def test_another_folder(read, root, tmp_path_factory):
    assert len(read(root.parent)) == len(read(root / "train")) == 63
    (root / meld.TABLES["dev"]).unlink()
    with pytest.raises(CorpusError, match=r"train_sent_emo\.csv, dev_sent_emo\.csv, test_sent_emo"):
        read(root)
    with pytest.raises(CorpusError, match="does not exist"):
        read(root / "nowhere")
