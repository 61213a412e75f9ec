"""EmoDB: the code of the names, the actors' sexes and ages."""

import pytest
from tests.layouts import emodb
from tests.layouts.voices import write_voice

from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError


@pytest.fixture
def root(tmp_path):
    emodb.build(tmp_path)
    return tmp_path


def test_the_owners_example(shipped, root):
    row = load_manifest(shipped("emodb"), root).frame.set_index("utterance").loc["03a02Fa"]
    assert (row["speaker"], row["gender"], row["age"]) == ("03", "male", 31)
    assert row["emotion"] == "happiness"
    assert row["transcript"] == "Das will sie am Mittwoch abgeben."
    assert (row["path"], row["language"]) == ("wav/03a02Fa.wav", "de")


def test_letters_are_of_german_words(shipped, root):
    frame = load_manifest(shipped("emodb"), root).frame
    found = dict(zip(frame["utterance"].str[5], frame["emotion"], strict=True))
    assert found == {
        "W": "anger",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happiness",
        "T": "sadness",
        "N": "neutral",
    }


def test_five_women_and_five_men_of_21_to_35(shipped, root):
    frame = load_manifest(shipped("emodb"), root).frame.drop_duplicates("speaker")
    assert frame["gender"].value_counts().to_dict() == {"female": 5, "male": 5}
    assert frame.set_index("speaker")["age"].to_dict() == {
        "03": 31,
        "08": 34,
        "09": 21,
        "10": 32,
        "11": 26,
        "12": 30,
        "13": 32,
        "14": 35,
        "15": 25,
        "16": 31,
    }


def test_versions_and_names_without_one(shipped, root):
    frame = load_manifest(shipped("emodb"), root).frame.set_index("utterance")
    assert frame.loc["03a01Wc", "transcript"] == frame.loc["03a01Wa", "transcript"]
    assert frame.loc["16b10N", "emotion"] == "neutral"


def test_the_audio_without_its_folder(shipped, root):
    expected = load_manifest(shipped("emodb"), root).frame
    found = load_manifest(shipped("emodb"), root / "wav").frame
    assert list(found["utterance"]) == list(expected["utterance"])
    assert found["path"].iloc[0] == "03a01Aa.wav"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03a01Xa", r"label-unknown .*: 1\n    03a01Xa: emotion: 'X'; the card allows anger"),
        ("17a01Wa", r"label-unknown .*: 1\n    17a01Wa: speaker: 17 is none of the ten"),
    ],
)
def test_letters_and_speakers_that_are_not_known_are_told(shipped, root, name, message):
    write_voice(root / "wav" / f"{name}.wav")
    with pytest.raises(CorpusError, match=message):
        load_manifest(shipped("emodb"), root)


def test_another_name_is_told(shipped, root):
    write_voice(root / "wav" / "noise.wav")
    (one,) = load_manifest(shipped("emodb"), root).excluded
    assert (one.reason, one.detail) == ("extra", "the name is not like 03a01Fa")


def test_labels_without_audio_are_another_folder(shipped, root):
    for file in (root / "wav").iterdir():
        file.unlink()
    with pytest.raises(CorpusError, match=r"wav/ with files named like 03a01Fa\.wav is expected"):
        load_manifest(shipped("emodb"), root)
