"""SEP-28k: the owners' votes, a miniature with SEP-28k-Extended's speakers, and its traps."""

import logging
import shutil
from collections import Counter

import pytest
from tests.layouts import sep_28k
from tests.layouts.voices import write_voice

from paralbench.cards.task import Split
from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError, SplitError
from paralbench.splits.protocols import make_folds

HEAD = "HeStutters, 0, {}, 31900320, 31948320, 0, 0, "
EVENTS = ("prolongation", "block", "sound-repetition", "word-repetition", "interjection")


@pytest.fixture
def root(tmp_path):
    sep_28k.build(tmp_path)
    return tmp_path


@pytest.fixture
def read(shipped, tmp_path):
    """The manifest of votes (from Prolongation on), one clip each, without looking at audio."""

    def from_votes(*votes, header=sep_28k.VOTES, ends="\n", encoding="utf-8", **how):
        rows = [HEAD.format(clip) + one for clip, one in enumerate(votes)]
        text = ends.join([header, *rows]) + ends
        (tmp_path / "SEP-28k_labels.csv").write_bytes(text.encode(encoding))
        return load_manifest(shipped("sep-28k"), tmp_path, look=False, **how)

    return from_votes


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_the_owners_votes_give_the_counts_of_the_card(shipped, shared_labels, tmp_path):
    shutil.copy(shared_labels / "sep28k" / "SEP-28k_labels.csv", tmp_path)
    card = shipped("sep-28k")
    frame = load_manifest(card, tmp_path, look=False).frame
    expected = card.releases["SEP-28k"]
    assert (len(frame), frame["session"].nunique()) == (28177, 385)
    for label, counts in expected.classes.items():
        assert frame[label].value_counts().to_dict() == counts
    assert frame["stutter"].isna().sum() == 1736
    assert frame["session"].str.split("_").str[0].value_counts().to_dict() == {
        "WomenWhoStutter": 9163,
        "StutterTalk": 5064,
        "StutteringIsCool": 4013,
        "HeStutters": 3684,
        "MyStutteringLife": 2339,
        "StrongVoices": 2308,
        "IStutterSoWhat": 870,
        "HVSA": 736,
    }
    core = (frame[list(EVENTS[:4])] == "present").any(axis=1)
    assert core.sum() == 10027
    assert ((frame[list(EVENTS)] == "present").sum(axis=1) == 1).sum() == 11013
    assert frame["path"].iloc[0].count("/") == 2  # no clips/ folder here


def test_the_miniature_is_whole(shipped, root):
    manifest = load_manifest(shipped("sep-28k"), root)
    frame = manifest.frame.set_index("utterance")
    row = frame.loc["HeStutters_0_0"]
    assert row["path"] == "clips/HeStutters/0/HeStutters_0_0.wav"
    assert (row["speaker"], row["session"], row["split"]) == (
        "Pamela Mertz",
        "HeStutters_0",
        "train",
    )
    assert frame["split"].value_counts().to_dict() == {"train": 29, "development": 21, "test": 21}
    assert "Pedro Peña" in set(frame["speaker"])
    speakers = {part: set(one) for part, one in frame.groupby("split")["speaker"]}
    assert not speakers["train"] & (speakers["development"] | speakers["test"])
    assert not speakers["development"] & speakers["test"]
    assert reasons(manifest) == {"speaker-unknown": 1}


@pytest.mark.parametrize(
    ("votes", "stutter", "present"),
    [
        ("2, 0, 0, 0, 0, 0, 0, 0, 0, 0", "stutter", {"prolongation"}),
        ("0, 0, 0, 0, 0, 3, 0, 0, 0, 0", "stutter", {"interjection"}),
        ("1, 1, 1, 1, 0, 1, 2, 0, 0, 0", "fluent", set()),
        ("0, 2, 0, 0, 0, 0, 3, 0, 0, 0", "stutter", {"block"}),  # both: it is a stutter
        ("1, 1, 1, 1, 0, 1, 1, 0, 0, 0", None, set()),
        ("0, 0, 0, 0, 3, 0, 1, 3, 3, 3", None, set()),  # no event: hard to understand, music
    ],
)
def test_two_of_three_votes(read, votes, stutter, present):
    (row,) = read(votes).frame.to_dict("records")
    assert {label for label in EVENTS if row[label] == "present"} == present
    assert {row[label] for label in EVENTS} <= {"present", "absent"}
    assert row["stutter"] == stutter or (stutter is None and row["stutter"] != row["stutter"])


def test_clips_without_a_speaker_are_for_training_only(shipped, root):
    file = root / "SEP-28k-Extended_clips.csv"
    file.write_text(file.read_text("utf-8").replace("Pamela Mertz", ""), "utf-8")
    manifest = load_manifest(shipped("sep-28k"), root)
    assert reasons(manifest) == {"speaker-unknown": 1}
    unknown = manifest.frame[manifest.frame["speaker"].isna()]
    assert set(unknown["split"]) == {"train"}


def test_without_the_extended_table_there_is_no_split_and_a_word_about_it(shipped, root, caplog):
    (root / "SEP-28k-Extended_clips.csv").unlink()
    with caplog.at_level(logging.WARNING):
        frame = load_manifest(shipped("sep-28k"), root).frame
    assert "SEP-28k-Extended_clips.csv is not in" in caplog.text
    assert "ml-stuttering-events-dataset-extended" in caplog.text
    assert frame["speaker"].isna().all()
    some = frame.dropna(subset=["stutter"])
    with pytest.raises(SplitError, match="no official split"):
        make_folds(some, Split(protocol="official"), "stutter", ["fluent", "stutter"], root)


def test_the_extended_table_alone_will_do(shipped, root):
    both = load_manifest(shipped("sep-28k"), root).frame
    (root / "SEP-28k_labels.csv").unlink()
    assert load_manifest(shipped("sep-28k"), root).frame.equals(both)


def test_tables_of_different_clips_are_refused(shipped, root):
    extended, votes = root / "SEP-28k-Extended_clips.csv", root / "SEP-28k_labels.csv"
    lines = extended.read_text("utf-8").splitlines()
    extended.write_text("\n".join(lines[:-1]), "utf-8")
    with pytest.raises(CorpusError, match=r"1 clips are not in SEP-28k-Extended_clips\.csv, such"):
        load_manifest(shipped("sep-28k"), root)
    extended.write_text("\n".join(lines), "utf-8")
    votes.write_text("\n".join(votes.read_text().splitlines()[:-2]))
    with pytest.raises(CorpusError, match=r"2 clips are not in SEP-28k_labels\.csv, such as"):
        load_manifest(shipped("sep-28k"), root)


def test_an_episode_without_clips_is_unavailable(shipped, root, caplog):
    shutil.rmtree(root / "clips" / "StrongVoices")
    with caplog.at_level(logging.WARNING):
        manifest = load_manifest(shipped("sep-28k"), root)
    assert reasons(manifest) == {"unavailable": 7, "speaker-unknown": 1}
    assert "1 of 6 recordings have no clips (7 clips), such as clips/StrongVoices/23" in caplog.text


def test_half_of_the_clips_missing_is_an_error(shipped, root):
    for file in sorted((root / "clips").rglob("*.wav"))[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 3[56]\n.*_labels\.csv, line"):
        load_manifest(shipped("sep-28k"), root)
    assert len(load_manifest(shipped("sep-28k"), root, partial=True)) in (35, 36)


def test_no_clips_at_all(shipped, root):
    shutil.rmtree(root / "clips")
    with pytest.raises(CorpusError, match=r"nothing under .* unavailable 71"):
        load_manifest(shipped("sep-28k"), root)


def test_other_audio_beside_the_clips_is_passed_over(shipped, root):
    write_voice(root / "clips" / "FluencyBank" / "010" / "FluencyBank_010_0.wav")
    write_voice(root / "clips" / "HeStutters" / "0.wav")
    write_voice(root / "clips" / "HeStutters" / "0" / "HeStutters_0_99.wav")
    manifest = load_manifest(shipped("sep-28k"), root)
    extra = [one.utterance for one in manifest.excluded if one.reason == "extra"]
    assert extra == ["HeStutters/0/HeStutters_0_99"]


def test_line_ends_and_a_byte_order_mark(read):
    assert len(read(sep_28k.KINDS["fluent"], ends="\r\n", encoding="utf-8-sig")) == 1


def test_what_is_wrong_with_a_table_is_told_with_its_place(read):
    fluent = sep_28k.KINDS["fluent"]
    with pytest.raises(CorpusError, match=r"_labels\.csv, line 3: Block: '4' is not allowed"):
        read(fluent, "0, 4, 0, 0, 0, 0, 0, 0, 0, 0")
    with pytest.raises(CorpusError, match="has no column 'WordRep'; it has"):
        read(fluent, header=sep_28k.VOTES.replace("WordRep", "Words"))
    with pytest.raises(CorpusError, match=r"line 3: only 9 of 17 cells"):
        read(fluent, "0, 2")


def test_a_clip_twice(shipped, root):
    file = root / "SEP-28k_labels.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[1]]))
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n    HeStutters_0_0: .*line 74"):
        load_manifest(shipped("sep-28k"), root)
    manifest = load_manifest(shipped("sep-28k"), root, partial=True)
    assert reasons(manifest)["duplicate-row"] == 1


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("sep-28k")
    whole = len(load_manifest(card, root))
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "SEP-28k")
    assert len(load_manifest(card, above)) == whole
    assert len(load_manifest(card, root / "clips")) == whole
    with pytest.raises(CorpusError, match=r"SEP-28k_labels\.csv or .*_clips\.csv is expected"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
