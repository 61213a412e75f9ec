"""MSP-Podcast: a miniature of the corpus, and what its releases differ in."""

import json
import random
import shutil
import time
from collections import Counter

import pytest
from tests.layouts import msp_podcast
from tests.layouts.voices import write_voice

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import segments_of
from paralbench.corpora.load import load_manifest
from paralbench.errors import CorpusError

ROW = "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1"


@pytest.fixture
def root(tmp_path):
    msp_podcast.build(tmp_path)
    return tmp_path


@pytest.fixture
def read(shipped, tmp_path):
    """The manifest of a table with these rows, without looking at audio."""

    def from_rows(*rows, name="labels_consensus.csv", header=msp_podcast.HEADER, ends="\n", **how):
        (tmp_path / "Labels").mkdir(exist_ok=True)
        file = tmp_path / "Labels" / name
        file.write_bytes((ends.join([header, *rows]) + ends).encode(how.pop("encoding", "utf-8")))
        return load_manifest(shipped("msp-podcast"), tmp_path, look=False, **how)

    return from_rows


def reasons(manifest):
    return Counter(one.reason for one in manifest.excluded)


def test_a_row_of_the_owners(read):
    (row,) = read(ROW).frame.to_dict("records")
    assert (row["utterance"], row["path"]) == (
        "MSP-PODCAST_0001_0008",
        "Audios/MSP-PODCAST_0001_0008.wav",
    )
    # The order in the table is activation, valence, dominance.
    assert (row["arousal"], row["valence"], row["dominance"]) == (2.2, 4.0, 2.6)
    assert (row["emotion"], row["speaker"], row["gender"], row["split"]) == (
        "neutral",
        "30",
        "male",
        "test",
    )


def test_the_miniature_is_whole(shipped, root):
    manifest = load_manifest(shipped("msp-podcast"), root)
    frame = manifest.frame
    assert frame["split"].value_counts().to_dict() == {"train": 28, "development": 15, "test": 15}
    assert reasons(manifest) == {"extra": 1}  # Test3: a clip without a row
    parts = [set(one.dropna()) for _, one in frame.groupby("split")["speaker"]]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert "MSP-PODCAST_0005_0009_0001" in set(frame["utterance"])


def test_counts_of_release_1_8(shipped, read):
    expected = shipped("msp-podcast").releases["1.8"]
    letters = {word: letter for letter, word in zip("ASHUFDCNOX", _WORDS, strict=True)}
    rows = []
    for split, part, speaker in (("development", "Validation", 1), ("test", "Test1", 2)):
        for word, count in expected.split_classes[split]["emotion"].items():
            row = f"{letters[word]},4.0,4.0,4.0,{speaker},Female,{part}"
            rows += [f"MSP-PODCAST_{part}_{word}_{n}.wav,{row}" for n in range(count)]
    frame = read(*rows, name="labels_concensus.csv").frame
    assert frame["split"].value_counts().to_dict() == expected.splits
    four = ["angry", "happy", "neutral", "sad"]
    of = {split: part["emotion"].value_counts() for split, part in frame.groupby("split")}
    assert {split: int(one[four].sum()) for split, one in of.items()} == {
        "development": 4772,
        "test": 9304,
    }
    assert {split: int(one[[*four, "disgust"]].sum()) for split, one in of.items()} == {
        "development": 5213,
        "test": 10013,
    }


_WORDS = ["angry", "sad", "happy", "surprise", "fear"]
_WORDS += ["disgust", "contempt", "neutral", "other", "no agreement"]


@pytest.mark.parametrize("name", ["labels_consensus", "labels_concensus"])
@pytest.mark.parametrize("folder", ["Labels", "label"])
def test_table_and_audio_folder_of_other_releases(shipped, tmp_path, name, folder):
    labels = dict(zip(msp_podcast.HEADER.split(",")[1:], ROW.split(",")[1:], strict=True))
    labels |= {"EmoAct": 2.2, "EmoVal": 4.0, "EmoDom": 2.6}
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f"{name}.json").write_text(
        json.dumps({"MSP-PODCAST_0001_0008.wav": labels})
    )
    write_voice(tmp_path / "Audio" / "MSP-PODCAST_0001_0008.wav")
    (row,) = load_manifest(shipped("msp-podcast"), tmp_path).frame.to_dict("records")
    assert row["path"] == "Audio/MSP-PODCAST_0001_0008.wav"
    assert (row["emotion"], row["arousal"], row["split"]) == ("neutral", 2.2, "test")


def test_words_for_the_parts(read):
    parts = ("Train", "Validation", "Development", "Test1", "Test", "Test2")
    rows = [ROW.replace("0008", f"000{n}").replace("Test1", part) for n, part in enumerate(parts)]
    found = read(*rows).frame["split"].fillna("none").tolist()
    assert found == ["train", "development", "development", "test", "test", "none"]
    with pytest.raises(CorpusError, match=r"labels_consensus\.csv, line 2: split: 'Testing'"):
        read(ROW.replace("Test1", "Testing"))


def test_the_owners_keep_the_labels_of_test3(read):
    hidden = "MSP-PODCAST_0002_0001.wav,,,,,31,Female,Test3"
    manifest = read(ROW, hidden)
    assert len(manifest) == 1
    assert reasons(manifest) == {"label-missing": 1}


def test_unknown_speakers_are_for_training_only(read):
    unknown = "MSP-PODCAST_0003_000{}.wav,A,2.2,4.0,2.6,Unknown,Unknown,{}"
    parts = ("Train", "Development", "Test1", "Test2")
    manifest = read(ROW, *(unknown.format(n, part) for n, part in enumerate(parts)))
    assert manifest.frame["split"].fillna("none").tolist() == ["test", "train", "none"]
    assert manifest.frame["speaker"].isna().tolist() == [False, True, True]
    assert manifest.frame["gender"].isna().tolist() == [False, True, True]
    assert reasons(manifest) == {"speaker-unknown": 2}


def test_other_and_no_agreement_are_values_of_the_label(read):
    rows = [ROW, ROW.replace("0008", "0009").replace(",N,", ",X,")]
    rows += [ROW.replace("0008", "0010").replace(",N,", ",O,")]
    assert read(*rows).frame["emotion"].tolist() == ["neutral", "no agreement", "other"]


def test_a_clip_at_another_rate_in_two_channels_is_read(shipped, root):
    write_voice(root / "Audios" / "MSP-PODCAST_0000_0000.wav", rate=44_100, channels=2)
    frame = load_manifest(shipped("msp-podcast"), root).frame
    audio = AudioCache().prepare(root, segments_of(frame))
    assert audio["reason"].isna().all()
    assert set(audio["original_rate"]) == {16_000, 44_100}


def test_line_ends_and_a_byte_order_mark(read):
    assert len(read(ROW, ends="\r\n", encoding="utf-8-sig")) == 1


def test_what_is_wrong_with_a_row_is_told_with_its_place(read):
    again = ROW.replace(",N,", ",A,")
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*labels_consensus\.csv, line 3"):
        read(ROW, again)
    with pytest.raises(CorpusError, match=r"label-unknown .*: 1\n.*line 2: emotion: Z; the card"):
        read(ROW.replace(",N,", ",Z,"), ROW.replace("0008", "0009"))
    with pytest.raises(CorpusError, match=r"line 2: arousal: 7\.5; .* from 1\.0 to 7\.0"):
        read(ROW.replace(",2.2,", ",7.5,"), ROW.replace("0008", "0009"))
    assert reasons(read(ROW, again, partial=True)) == {"duplicate-row": 1}


def test_a_table_without_a_column(read):
    header = msp_podcast.HEADER.replace("EmoVal", "EmoValence")
    with pytest.raises(CorpusError, match=r"labels_consensus\.csv has no column 'EmoVal'; it has"):
        read(ROW, header=header)
    with pytest.raises(CorpusError, match=r"line 3: only 3 of 8 cells"):
        read(ROW, "MSP-PODCAST_0001_0009.wav,N,2")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "a mapping of file names to labels is expected"),
        ('{"a.wav": {"EmoClass": "A"}}', "a.wav has no 'EmoAct'"),
        ('{"a.wav": 3}', "it has nothing"),
    ],
)
def test_json_that_is_something_else(shipped, tmp_path, text, told):
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Labels" / "labels_consensus.json").write_text(text)
    with pytest.raises(CorpusError, match=told):
        load_manifest(shipped("msp-podcast"), tmp_path, look=False)


def test_a_file_twice_in_json_is_a_duplicate_row(shipped, tmp_path):
    labels = json.dumps(
        dict(zip(msp_podcast.HEADER.split(",")[1:], ROW.split(",")[1:], strict=True))
    )
    (tmp_path / "Labels").mkdir()
    file = tmp_path / "Labels" / "labels_consensus.json"
    file.write_text(f'{{"a.wav": {labels}, "a.wav": {labels}}}')
    with pytest.raises(CorpusError, match=r"duplicate-row .*: 1\n.*json, entry 2"):
        load_manifest(shipped("msp-podcast"), tmp_path, look=False)


def test_half_of_the_audio_is_missing(shipped, root):
    files = sorted((root / "Audios").iterdir())
    for file in files[::2]:
        file.unlink()
    with pytest.raises(CorpusError, match=r"missing .*: 30\n.*MSP-PODCAST_0000_0000: .*, line 2"):
        load_manifest(shipped("msp-podcast"), root)
    assert len(load_manifest(shipped("msp-podcast"), root, partial=True)) == 30


def test_another_folder(shipped, root, tmp_path_factory):
    card = shipped("msp-podcast")
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(root, above / "MSP-PODCAST")
    # The one folder near that fits is taken instead, and said so.
    assert len(load_manifest(card, above)) == len(load_manifest(card, root))
    assert len(load_manifest(card, root / "Audios")) == len(load_manifest(card, root))
    with pytest.raises(CorpusError, match=r"labels_consensus\.csv \(or \.json\) and Audios/ are"):
        load_manifest(card, tmp_path_factory.mktemp("empty"))


@pytest.mark.slow
def test_a_table_of_the_largest_release_is_read_in_seconds(read):
    chance = random.Random(0)
    parts = ("Train", "Train", "Train", "Development", "Test1", "Test2")
    rows = []
    for n in range(265_000):
        part = chance.choice(parts)
        speaker = f"{part[0]}{n % 900}" if n % 7 or part != "Train" else "Unknown"
        numbers = ",".join(f"{chance.uniform(1, 7):.2f}" for _ in range(3))
        row = f"{chance.choice('ASHUFDCNOX')},{numbers},{speaker},Female,{part}"
        rows.append(f"MSP-PODCAST_{n // 40:04}_{n % 40:04}.wav,{row}")
    begin = time.process_time()
    assert len(read(*rows)) == 265_000
    assert time.process_time() - begin < 15
