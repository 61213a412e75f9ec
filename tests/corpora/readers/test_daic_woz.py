"""DAIC-WOZ: a miniature of interviews, and what is known to be wrong with the corpus."""

import logging
import re
import shutil
from collections import Counter

import pytest
from tests.layouts import daic_woz

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import segments_of
from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError

N = len(daic_woz.SESSIONS)


@pytest.fixture
def root(tmp_path):
    daic_woz.build(tmp_path)
    return tmp_path


@pytest.fixture
def edit(root):
    """Replace text in a file of the miniature."""

    def replace(name, old, new, **how):
        file = root / name
        text = file.read_text()
        assert old in text
        file.write_bytes(text.replace(old, new).encode(how.get("encoding", "utf-8")))

    return replace


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def by_id(manifest):
    return manifest.frame.set_index("utterance")


def test_only_the_participants_speech_is_read(shipped, root):
    manifest = load_manifest(shipped("daic-woz"), root)
    assert len(manifest) == 3 * N
    row = by_id(manifest).loc["303_0006"]
    assert (row["path"], row["start"], row["end"]) == ("303_P/303_AUDIO.wav", 1.1, 1.5)
    assert (row["speaker"], row["session"], row["split"]) == ("303", "303", "train")
    assert (row["transcript"], row["gender"], row["phq8"]) == ("good <laughter>", "male", 0)
    assert row["depression"] == "not depressed"
    assert not manifest.frame["transcript"].str.contains("ellie", na=False).any()
    assert manifest.frame.groupby("session")["speaker"].nunique().max() == 1


def test_signals_and_scrubbed_rows_are_left_out(shipped, root):
    manifest = load_manifest(shipped("daic-woz"), root)
    assert reasons(manifest) == {"no-speech": 2 * N}
    told = {one.utterance: one.detail for one in manifest.excluded}
    assert told["303_0002"] == "303_TRANSCRIPT.csv, line 2: a signal"
    assert told["303_0007"] == "303_TRANSCRIPT.csv, line 7: scrubbed"


@pytest.mark.parametrize("word", ["<synch>", "[sync]", "[syncing]", "[synching]", "<Sync>"])
def test_words_for_a_signal(shipped, root, edit, word):
    edit("303_P/303_TRANSCRIPT.csv", "<sync>", word)
    told = {one.utterance for one in load_manifest(shipped("daic-woz"), root).excluded}
    assert "303_0002" in told


def test_labels_of_the_test_part_are_the_owners(shipped, root):
    frame = load_manifest(shipped("daic-woz"), root).frame
    test = frame[frame["split"] == "test"]
    assert test[["depression", "phq8"]].isna().all(axis=None)
    assert test["gender"].tolist() == ["male"] * 3 + ["female"] * 3
    labelled = frame[frame["split"] != "test"]
    assert labelled[["depression", "phq8"]].notna().all(axis=None)


def test_full_test_split_names_its_columns_otherwise(shipped, root):
    lines = ["Participant_ID,PHQ_Binary,PHQ_Score,Gender", "300,0,2,0", "308,1,22,1"]
    (root / "full_test_split.csv").write_text("\n".join(lines))
    frame = load_manifest(shipped("daic-woz"), root).frame
    test = frame[frame["split"] == "test"].drop_duplicates("session")
    assert test["depression"].tolist() == ["not depressed", "depressed"]
    assert test["phq8"].tolist() == [2, 22]


def test_session_409_is_depressed_by_its_score(shipped, root, caplog):
    with caplog.at_level(logging.WARNING):
        row = by_id(load_manifest(shipped("daic-woz"), root)).loc["409_0004"]
    assert (row["phq8"], row["depression"]) == (10, "depressed")
    assert not caplog.text


def test_another_contradiction_is_warned_of(shipped, root, edit, caplog):
    edit("train_split_Depression_AVEC2017.csv", "303,0,0", "303,1,0")
    with caplog.at_level(logging.WARNING):
        row = by_id(load_manifest(shipped("daic-woz"), root)).loc["303_0004"]
    assert row["depression"] == "not depressed"
    assert "line 2: 303 is depressed by its binary label, but its score is 0" in caplog.text


@pytest.mark.parametrize(
    ("session", "seconds"),
    [("318", 34.319917), ("321", 3.8379167), ("341", 6.1892), ("362", 16.8582)],
)
def test_transcripts_that_are_early_are_put_right(shipped, root, session, seconds):
    add(root, session)
    row = by_id(load_manifest(shipped("daic-woz"), root, look=False)).loc[f"{session}_0006"]
    assert row["start"] == pytest.approx(1.1 + seconds)
    assert row["end"] == pytest.approx(1.5 + seconds)


def test_the_audio_of_every_utterance_is_there(shipped, root):
    frame = load_manifest(shipped("daic-woz"), root).frame
    audio = AudioCache().prepare(root, segments_of(frame))
    assert audio["reason"].isna().all()
    assert audio["seconds"].to_numpy() == pytest.approx((frame["end"] - frame["start"]).to_numpy())


@pytest.mark.parametrize(("session", "first", "last"), [("373", 352, 428), ("444", 286, 387)])
def test_interruptions_are_left_out(shipped, root, session, first, last):
    times = [
        (first - 9, first),
        (first - 2, first + 1),
        (first + 1, last - 1),
        (last - 1, last + 1),
    ]
    lines = [f"{start}\t{stop}\tParticipant\twords" for start, stop in [*times, (last, last + 3)]]
    add(root, session, "\n".join(["start_time\tstop_time\tspeaker\tvalue", *lines]))
    manifest = load_manifest(shipped("daic-woz"), root, look=False)
    kept = manifest.frame[manifest.frame["session"] == session]
    assert kept["start"].tolist() == [first - 9, last]
    told = [one for one in manifest.excluded if one.utterance.startswith(session)]
    assert [one.detail.rpartition(": ")[2] for one in told] == ["interrupted"] * 3


def test_a_session_without_ellie(shipped, root):
    frame = load_manifest(shipped("daic-woz"), root).frame
    assert (frame["session"] == "451").sum() == 3


def add(root, session, transcript=None):
    """One more session of the training part, without audio."""
    file = root / "train_split_Depression_AVEC2017.csv"
    if f"\n{session}," not in file.read_text():
        file.write_text(file.read_text() + f"{session},0,3,1,0,0,0,0,0,0,0,0\n")
    folder = root / f"{session}_P"
    folder.mkdir(exist_ok=True)
    text = daic_woz.transcript(session) if transcript is None else transcript
    (folder / f"{session}_TRANSCRIPT.csv").write_text(text)


def test_rows_without_words_or_length(shipped, root):
    lines = [
        "start_time\tstop_time\tspeaker\tvalue",
        "1\t2\tparticipant",
        "",
        "3\t3\tParticipant\tx",
    ]
    add(root, "303", "\r\n".join([*lines, "4\t5\tParticipant\tyes\t", "\t\t\t"]))
    manifest = load_manifest(shipped("daic-woz"), root)
    kept = manifest.frame[manifest.frame["session"] == "303"]
    assert kept["utterance"].tolist() == ["303_0002", "303_0005"]
    assert kept["transcript"].isna().tolist() == [True, False]
    told = {one.utterance: one.detail for one in manifest.excluded}
    assert told["303_0004"].endswith("line 4: it ends where it begins, or before")


@pytest.mark.parametrize(
    ("transcript", "told"),
    [
        (
            "start_time,stop_time,speaker,value\n1,2,Participant,x",
            "separated by tabs, are expected",
        ),
        ("", "separated by tabs, are expected; it has ''"),
        ("start_time\tstop_time\tspeaker\tvalue\n1\t2", "line 2: not 4 cells: '1\\t2'"),
        ("start_time\tstop_time\tspeaker\tvalue\n1\t2\tEllie\ta\tb", "line 2: not 4 cells"),
        ("start_time\tstop_time\tspeaker\tvalue\n1\tx\tParticipant\ta", "'x' is no number of sec"),
    ],
)
def test_a_damaged_transcript(shipped, root, transcript, told):
    add(root, "303", transcript)
    with pytest.raises(CorpusError, match=re.escape(told)):
        load_manifest(shipped("daic-woz"), root)


def test_tables_in_a_folder_and_sessions_in_another(shipped, root):
    whole = load_manifest(shipped("daic-woz"), root).frame
    for place, pattern in (("labels", "*.csv"), ("data", "*_P")):
        files = list(root.glob(pattern))
        (root / place).mkdir()
        for file in files:
            shutil.move(file, root / place / file.name)
    frame = load_manifest(shipped("daic-woz"), root).frame
    assert (frame["path"] == "data/" + whole["path"]).all()


def test_a_folder_that_no_table_names_is_extra(shipped, root):
    shutil.copytree(root / "303_P", root / "342_P")
    (root / "342_P" / "303_AUDIO.wav").rename(root / "342_P" / "342_AUDIO.wav")
    manifest = load_manifest(shipped("daic-woz"), root)
    assert [one.utterance for one in manifest.excluded if one.reason == "extra"] == [
        "342_P/342_AUDIO"
    ]


def test_half_of_the_sessions_are_missing(shipped, root):
    sessions = sorted(root.glob("*_P"))
    for place, folder in enumerate(sessions[::2]):
        if place % 2:
            shutil.rmtree(folder)
        else:
            next(folder.glob("*_AUDIO.wav")).unlink()
    with pytest.raises(CorpusError, match=r"missing .*: \d+\n.*_TRANSCRIPT\.csv .*whole session"):
        load_manifest(shipped("daic-woz"), root)
    manifest = load_manifest(shipped("daic-woz"), root, partial=True)
    assert manifest.frame["session"].nunique() == N - len(sessions[::2])
    for folder in root.glob("*_P"):
        shutil.rmtree(folder)
    with pytest.raises(CorpusError, match=rf"nothing under .* missing {N}, such as 303 "):
        load_manifest(shipped("daic-woz"), root, partial=True)


def test_what_is_wrong_with_a_table_is_told_with_its_place(shipped, root, edit):
    name = "train_split_Depression_AVEC2017.csv"
    card = shipped("daic-woz")
    text = (root / name).read_text()
    (root / name).write_text(text + text.split("\n")[1])
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n    303: train_split.*, line 17"):
        load_manifest(card, root)
    (root / name).write_text(text.replace("303,0,0,0", "303,0,25,0"))
    with pytest.raises(CorpusError, match=r"line 2: the PHQ-8 score '25' is not allowed\. Allowed"):
        load_manifest(card, root)
    (root / name).write_text(text.replace("303,0,0,0", "303,0,0,2"))
    with pytest.raises(CorpusError, match=r"label-unknown .*: 3\n.*gender: 2; the card allows fem"):
        load_manifest(card, root)
    (root / name).write_text(text.replace("PHQ8_Score", "Score"))
    with pytest.raises(CorpusError, match=r"has no column 'PHQ8_Score'; it has 'Participant_ID'"):
        load_manifest(card, root)
    (root / name).write_text(text)
    (root / "dev_split_Depression_AVEC2017.csv").unlink()
    with pytest.raises(CorpusError, match=r"holds none of dev_split_Depression_AVEC2017\.csv"):
        load_manifest(card, root)


def test_line_ends_a_mark_and_an_old_encoding(shipped, root, edit):
    whole = load_manifest(shipped("daic-woz"), root).frame
    edit("train_split_Depression_AVEC2017.csv", "\n", "\r\n", encoding="utf-8-sig")
    edit("303_P/303_TRANSCRIPT.csv", "\n", "\r\n", encoding="utf-8-sig")
    assert load_manifest(shipped("daic-woz"), root).frame.equals(whole)
    edit("304_P/304_TRANSCRIPT.csv", "okay", "café", encoding="cp1252")
    assert by_id(load_manifest(shipped("daic-woz"), root)).loc["304_0004", "transcript"] == "café"


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("daic-woz")
    assert len(load_manifest(card, root / "303_P")) == 3 * N
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "DAIC-WOZ")
    assert len(load_manifest(card, above)) == 3 * N
    with pytest.raises(CorpusError, match=r"with folders like 300_P, is expected there"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))
