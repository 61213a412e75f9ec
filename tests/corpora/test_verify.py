"""Verifying a corpus against its card, with the real audio cache."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paralbench.audio.cache import AudioCache
from paralbench.cards import CorpusCard
from paralbench.corpora.verify import verify

Wav = Callable[..., Path]
Card = Callable[..., CorpusCard]

LABELS = {
    "emotion": {"kind": "class", "values": ["anger", "neutral"]},
    "age": {"kind": "number", "low": 0, "high": 120, "unit": "years"},
}
OPTIONS = {"pattern": r"(?P<speaker>[a-z]+)_(?P<emotion>[a-z]+)_(?P<age>[0-9]+)"}


@pytest.fixture
def cache(tmp_path: Path) -> AudioCache:
    return AudioCache(tmp_path / "cache")


@pytest.fixture
def root(wav: Wav, tmp_path: Path) -> Path:
    """Four clips that can be used, two of them the same; and one of each fault."""
    root = tmp_path / "corpus"
    wav(root / "ann_anger_20.wav", 1, seconds=1.0)
    wav(root / "ann_neutral_20.wav", 2, seconds=2.0, rate=8000)
    wav(root / "bob_anger_31.wav", 3, seconds=3.0)
    wav(root / "bob_neutral_31.wav", 3, seconds=3.0)
    wav(root / "cid_rage_40.wav", 4)
    wav(root / "notes.wav", 5)
    soundfile.write(root / "dan_anger_50.wav", np.zeros(16000), 16000)
    (root / "eve_anger_60.wav").write_bytes(b"not audio at all")
    wav(root / "fay_anger_70.wav", 6, seconds=0.5)
    return root


def card(make_card: Card, **given) -> CorpusCard:
    bad = [{"utterance": "fay_anger_70", "reason": "cut off"}]
    return make_card(labels=LABELS, options=OPTIONS, known_bad=bad, languages=["de"], **given)


def test_report(make_card: Card, root: Path, cache: AudioCache):
    report = verify(card(make_card), root, cache)
    assert (report.utterances, report.speakers) == (4, 2)
    assert report.hours == pytest.approx(9 / 3600)
    assert report.classes == {"emotion": {"anger": 2, "neutral": 2}}
    assert report.numbers == {"age": {"count": 4, "low": 20, "mean": 25.5, "high": 31}}
    assert report.languages == {"de": 4}
    assert report.splits == {}
    assert report.rates == {8000: 1, 16000: 3}
    assert report.seconds == pytest.approx({"shortest": 1.0, "median": 2.5, "longest": 3.0})
    assert report.flags == {"resampled": 1}
    assert report.duplicates == [["bob_anger_31", "bob_neutral_31"]]
    assert {reason: [one[0] for one in found] for reason, found in report.excluded.items()} == {
        "label-unknown": ["cid_rage_40"],
        "extra": ["notes"],
        "silent": ["dan_anger_50"],
        "unreadable": ["eve_anger_60"],
        "known-bad": ["fay_anger_70"],
    }
    assert report.as_expected


def test_differences_name_both_numbers(make_card: Card, root: Path, cache: AudioCache):
    expected = {
        "utterances": 8,
        "speakers": 2,
        "hours": 0.5,
        "classes": {"emotion": {"anger": 5, "neutral": 3}},
    }
    report = verify(card(make_card, expected=expected), root, cache)
    # What the owners distribute is compared: silent and known-bad clips count.
    assert report.differences == [
        "utterances: 7 here, 8 in the card",
        "speakers: 5 here, 2 in the card",
        "emotion 'neutral': 2 here, 3 in the card",
        "hours: 0.00 here, 0.50 in the card",
    ]
    assert "DIFFERENT    speakers: 5 here, 2 in the card" in str(report)


def test_as_lines_and_as_json(make_card: Card, root: Path, cache: AudioCache):
    report = verify(card(make_card), root, cache)
    lines = str(report).splitlines()
    assert lines[1] == "utterances   4, 0.00 h, 2 speakers"
    assert "emotion      anger 2, neutral 2" in lines
    assert "left out     1 known-bad, such as fay_anger_70: cut off" in lines
    assert "same audio   1 groups, such as bob_anger_31, bob_neutral_31" in lines
    assert lines[-1] == "as the card says"
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["excluded"]["known-bad"] == [["fay_anger_70", "cut off"]]
    assert plain["rates"] == {"8000": 1, "16000": 3}
    assert plain["differences"] == []


def test_a_corpus_without_usable_audio(make_card: Card, tmp_path: Path, cache: AudioCache):
    root = tmp_path / "corpus"
    root.mkdir()
    soundfile.write(root / "dan_anger_50.wav", np.zeros(16000), 16000)
    report = verify(card(make_card), root, cache)
    assert report.utterances == 0
    assert report.seconds == {}
    assert "left out     1 silent" in str(report)


def test_real_corpora_are_as_their_cards_say(
    shared_corpora: Path, shipped: Callable[[str], CorpusCard], cache: AudioCache
):
    assert verify(shipped("urdu"), shared_corpora / "urdu", cache).as_expected
    report = verify(shipped("baved"), shared_corpora / "baved", cache)
    assert report.as_expected
    assert len(report.duplicates) == 6, "none of them crosses speakers"
    speaker = {name: name.split("-")[0] for group in report.duplicates for name in group}
    assert all(len({speaker[name] for name in group}) == 1 for group in report.duplicates)


def test_which_release_it_is(make_card: Card, wav: Wav, tmp_path: Path, cache: AudioCache):
    table = ["path,speaker,split,emotion"]
    for number, split in enumerate(["train"] * 4 + ["test"] * 2):
        wav(tmp_path / f"{number}.wav", number)
        table.append(f"{number}.wav,s{number},{split},{('anger', 'neutral')[number % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(table))
    whole = {
        "utterances": 6,
        "speakers": 6,
        "splits": {"train": 4, "test": 2},
        "split_classes": {"test": {"emotion": {"anger": 1, "neutral": 1}}},
    }
    releases = {"1.0": {"utterances": 5, "speakers": 5, "splits": {"train": 5}}, "1.1": whole}
    options = {"file": "labels.csv", "path": "path"}
    report = verify(make_card("csv", options=options, releases=releases), tmp_path, cache)
    assert (report.release, report.differences) == ("1.1", [])
    assert "as the card says of release 1.1" in str(report)

    whole["split_classes"]["test"]["emotion"] = {"anger": 2}
    report = verify(make_card("csv", options=options, releases=releases), tmp_path, cache)
    assert report.release == "1.1"
    assert report.differences == [
        "test, emotion 'anger': 1 here, 2 in the card",
        "test, emotion 'neutral': 1 here, 0 in the card",
    ]
    assert "no release is as the card says; 1.1 is the nearest" in str(report)


def test_without_decoding(make_card: Card, root: Path):
    expected = {"utterances": 8, "hours": 0.5}
    report = verify(card(make_card, expected=expected), root, None)
    assert (report.utterances, report.speakers, report.hours) == (6, 4, None)
    assert report.classes == {"emotion": {"anger": 4, "neutral": 2}}
    assert (report.rates, report.seconds, report.flags, report.duplicates) == ({}, {}, {}, [])
    assert set(report.excluded) == {"label-unknown", "extra", "known-bad"}
    assert report.differences == ["utterances: 7 here, 8 in the card"]
    assert "audio        not decoded" in str(report)
