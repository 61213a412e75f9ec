"""IEMOCAP: a miniature with the owners' litter, and lines as the owners write them."""

import shutil
from collections import Counter

import pytest
from tests.layouts import iemocap
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    iemocap.build(tmp_path)
    return tmp_path


@pytest.fixture
def first(root):
    """The evaluations of the first session's dialogue."""
    return root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01M_impro01.txt"


@pytest.fixture
def read(shipped):
    return lambda root, **how: load_manifest(shipped("iemocap"), root, **how)


def test_a_line_of_the_owners(read, first, root):
    first.write_text(
        "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        "[140.2250 - 145.6000]\tSes01F_script01_3b_M019\tang\t[1.5000, 4.0000, 4.5000]\n"
        "C-E1:\tAnger;\t()\nA-E3:\tval 2; act 4; dom  4;\t()\n"
    )
    rows = read(root, look=False).frame.set_index("utterance")
    row = rows.loc["Ses01F_script01_3b_M019"]
    assert (row["valence"], row["arousal"], row["dominance"]) == (1.5, 4.0, 4.5)
    assert row["path"] == ("Session1/sentences/wav/Ses01F_script01_3b/Ses01F_script01_3b_M019.wav")
    # The man of the first session speaks; the woman wears the markers.
    assert (row["speaker"], row["gender"], row["session"]) == ("Ses01M", "male", "Ses01")
    assert (row["emotion"], row["emotion-4"]) == ("anger", "anger")


def test_the_miniature_is_whole(read, root):
    manifest = read(root)
    frame = manifest.frame
    assert len(frame) == 5 * 2 * len(iemocap.LABELS)
    assert not manifest.excluded
    assert frame["speaker"].nunique() == 10
    assert frame.groupby("session")["speaker"].nunique().tolist() == [2] * 5
    assert dict(zip(frame["speaker"].str[-1], frame["gender"], strict=True)) == {
        "F": "female",
        "M": "male",
    }
    assert (frame["speaker"].str[-1] != frame["utterance"].str[5]).mean() == 0.5
    row = frame.set_index("utterance").loc["Ses01M_impro01_F000"]
    assert row["transcript"] == "Turn 0, F."


def test_four_classes_count_excitement_as_happiness(read, root):
    frame = read(root).frame
    assert Counter(zip(frame["emotion"], frame["emotion-4"].fillna(""), strict=True)) == {
        ("anger", "anger"): 10,
        ("happiness", "happiness"): 10,
        ("excitement", "happiness"): 10,
        ("neutral", "neutral"): 10,
        ("sadness", "sadness"): 10,
        ("frustration", ""): 10,
        ("no agreement", ""): 10,
    }


def test_counts_of_the_four_classes(read, first, root, shipped):
    counts = {"ang": 1103, "hap": 595, "exc": 1041, "neu": 1708, "sad": 1084}
    text = iemocap.HEADER
    for label, count in counts.items():
        for n in range(count):
            text += iemocap.turn(f"Ses01F_{label}_F{n:04}", label, (3.0, 3.0, 3.0))
    for file in root.glob("Session*/dialog/EmoEvaluation/*.txt"):
        file.write_text(iemocap.turn(f"{file.stem}_F000", "xxx", (3.0, 3.0, 3.0)))
    first.write_text(text)
    found = read(root, look=False).frame["emotion-4"].value_counts()
    assert found.to_dict() == shipped("iemocap").expected.classes["emotion-4"]
    assert found.sum() == 5531


def test_line_ends_and_an_old_encoding(read, first, root):
    text = first.read_text().replace("C-E2:\tNeutral;\t()", "C-E2:\tNeutral;\t(d\xe9j\xe0 vu)")
    first.write_bytes(text.replace("\n", "\r\n").encode("cp1252"))
    assert len(read(root)) == 70


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5, 2.5]\n", r"line 1: .* is not like"),
        (
            "[6.2901 - 8.2357]\tSes01F_impro01_X000\tneu\t[2.5, 2.5, 2.5]\n",
            r"turn 'Ses01F_impro01_X",
        ),
        ("[6.2901 - 8.2357]\tSes01F_impro01_F0", r"Ses01M_impro01\.txt, line 1"),
    ],
)
def test_a_damaged_line_is_told_with_its_place(read, first, root, line, told):
    first.write_text(line)
    with pytest.raises(CorpusError, match=told):
        read(root)


def test_unknown_and_double_labels(read, first, root):
    line = iemocap.turn("Ses01F_impro09_F000", "neu", (3.0, 3.0, 3.0))
    write_voice(root / "Session1/sentences/wav/Ses01F_impro09/Ses01F_impro09_F000.wav")
    whole = first.read_text()
    first.write_text(whole + line + line)
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*Ses01M_impro01\.txt, line \d+"):
        read(root)
    first.write_text(whole + line.replace("\tneu\t", "\tbored\t"))
    with pytest.raises(
        CorpusError, match=r"label-unknown .*: 1\n.*emotion: bored; the card allows"
    ):
        read(root)
    first.write_text(whole + line.replace("3.0000,", "9.0000,", 1))
    with pytest.raises(CorpusError, match=r"valence: 9\.0000; .* from 0\.0 to 6\.0"):
        read(root)


def test_dialogues_and_other_audio_are_extra(read, root):
    write_voice(root / "Session1" / "dialog" / "wav" / "Ses01M_impro01.wav")
    assert [one.reason for one in read(root).excluded] == ["extra"]


def test_half_of_the_audio_is_missing(read, root):
    for file in sorted(root.glob("Session*/sentences/wav/*/Ses*.wav"))[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 35\n.*Ses01M_impro01_F000: Session1/"):
        read(root)
    assert len(read(root, partial=True)) == 35


def test_without_transcriptions(read, root):
    for session in root.iterdir():
        shutil.rmtree(session / "dialog" / "transcriptions")
    assert read(root).frame["transcript"].isna().all()


def test_another_folder(read, root, tmp_path_factory):
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "IEMOCAP_full_release")
    assert len(read(above)) == len(read(root / "Session1")) == 70
    shutil.rmtree(root / "Session3")
    with pytest.raises(
        CorpusError, match=r"Session1/ to Session5/, each with dialog/EmoEvaluation/"
    ):
        read(root)
    (root / "Session3" / "dialog" / "EmoEvaluation" / "Attribute").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"Session3.* holds no evaluations"):
        read(root)
