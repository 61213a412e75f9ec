"""A small corpus of made-up voices: the emotion is audible, the gender too."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import yaml

from paralbench.cards import load_catalogue
from paralbench.runner.outcome import Outcome
from paralbench.runner.scoring import tables_of
from paralbench.upstreams import blueprints

CORPUS_CARD = """\
kind: corpus
name: Made-up voices
access: open
licence: none
speakers: known
languages: [xx]
root: clips
reader:
  name: filename
  options:
    pattern: '(?P<speaker>[a-z]+)_(?P<gender>[fm])_(?P<emotion>[AN])_[0-9]+'
    values: {emotion: {A: anger, N: neutral}}
labels:
  emotion: {kind: class, values: [anger, neutral]}
  gender: {kind: class, values: [female, male]}
tasks:
  - {label: emotion}
"""

GENDER_CARD = """\
kind: task
name: Gender of made-up voices
corpus: voices
label: gender
target: classes
classes: [female, male]
split: {protocol: speaker-k-fold, folds: 3}
metrics: [uar]
span: short
"""

LEAKY_CARD = """\
kind: task
name: Emotion with a speaker on both sides
corpus: voices
label: emotion
target: classes
classes: [anger, neutral]
split: {protocol: predefined, file: leaky.csv}
metrics: [uar]
span: short
"""

BROKEN_UPSTREAM = """\
kind: upstream
name: Weights that are not there
family: wav2vec2-like
weights:
  - {source: folder, path: nowhere}
licence: none
"""

SPEAKERS = {"ann": "f", "bea": "f", "cat": "f", "dan": "m", "eli": "m", "fry": "m"}


def voice(rng, pitch, noisy, seconds):
    time = np.arange(round(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
    noise = rng.normal(0, 1, len(time))
    return (0.05 * tone + (0.08 if noisy else 0.005) * noise).astype(np.float32)


@pytest.fixture(scope="session")
def cards(tmp_path_factory) -> Path:
    """A folder of cards with the corpus ``voices`` beside them: 6 speakers, 36 clips."""
    folder = tmp_path_factory.mktemp("cards")
    rng = np.random.default_rng(0)
    clips = folder / "clips"
    clips.mkdir()
    for index, (name, gender) in enumerate(SPEAKERS.items()):
        for emotion in "AN":
            for take in range(3):
                pitch = (210 if gender == "f" else 110) + 5 * index
                samples = voice(rng, pitch, emotion == "A", rng.uniform(0.3, 0.6))
                sf.write(clips / f"{name}_{gender}_{emotion}_{take}.wav", samples, 16000)
    (folder / "voices.yaml").write_text(CORPUS_CARD)
    (folder / "voices-gender.yaml").write_text(GENDER_CARD)
    (folder / "voices-leaky.yaml").write_text(LEAKY_CARD)
    (folder / "broken.yaml").write_text(BROKEN_UPSTREAM)
    lines = ["utterance,fold,part"]
    for file in sorted(clips.iterdir()):
        take = file.stem[-1]
        lines.append(f"{file.stem},one,{'test' if take == '2' else 'train'}")
    (folder / "leaky.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def paralbench(cards, paralbench_home):
    """Run the command line in a process of its own; returns the completed process."""

    def run(*arguments, home=None, check=None):
        environment = {**os.environ, "PARALBENCH_HOME": str(home or paralbench_home)}
        done = subprocess.run(
            [sys.executable, "-m", "paralbench", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def layout(tmp_path_factory):
    """``layout(corpus)``: the folder of its miniature, built once."""
    built = {}

    def build(corpus):
        if corpus not in built:
            built[corpus] = tmp_path_factory.mktemp(corpus)
            module = importlib.import_module(f"tests.layouts.{corpus.replace('-', '_')}")
            module.build(built[corpus])
        return built[corpus]

    return build


@pytest.fixture(scope="session")
def small_upstream(tmp_path_factory):
    """``small_upstream(id)``: a folder with the card ``small``, that upstream shrunk.

    Its random weights lie beside it.
    """

    def make(id):
        folder = tmp_path_factory.mktemp("small")
        card = blueprints.shrunk(load_catalogue().upstreams.get(id))
        blueprints.write_random(card, folder / "weights")
        data = {
            "kind": "upstream",
            "name": "Small",
            "family": card.family,
            "weights": [{"source": "folder", "path": str(folder / "weights")}],
            "architecture": card.architecture,
            "licence": "none",
        }
        (folder / "small.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(data))))
        return folder

    return make


def _acted(n_speakers=24, per_speaker=12, seeds=3, seed=7, **changes):
    """Speakers who say three classes alike often, recognised in 7 of 10 cases and more."""
    rng = np.random.default_rng(seed)
    n = n_speakers * per_speaker
    truth = np.tile(np.arange(3), n // 3)
    right = rng.random((seeds, n)) < 0.7
    names = np.repeat([f"s{i:02d}" for i in range(n_speakers)], per_speaker).astype(object)
    frame = pd.DataFrame(
        {
            "corpus": "voices",
            "utterance": [f"u{i:04d}" for i in range(n)],
            "speaker": names,
            "session": None,
            "gender": np.where(np.arange(n) // per_speaker % 2, "male", "female"),
            "language": "xx",
        }
    )
    given = {
        "layer": "mix",
        "truth": truth,
        "prediction": np.where(right, truth, rng.integers(0, 3, (seeds, n))),
        "fold": np.repeat(["one", "two"], n // 2).astype(object),
        "units": names,
        "unit": "speaker",
        "classes": ("angry", "happy", "sad"),
        "n_train": {"one": 100, "two": 200},
        **changes,
    }
    return Outcome(**given), frame


@pytest.fixture
def acted():
    """Makes an outcome with every class by every speaker, and its manifest rows."""
    return _acted


@pytest.fixture
def tables():
    """Makes the tables of an outcome."""

    def make(outcome, frame, metrics=("uar", "wa"), probabilities=None, **more):
        common = {"cell": "c", "label": more.pop("label", "emotion")}
        return tables_of(outcome, frame, probabilities, metrics, common, 0, **more)

    return make


@pytest.fixture
def pick():
    """The one row of a frame that has these values; None: missing."""

    def make(frame, **conditions):
        keep = np.ones(len(frame), dtype=bool)
        for name, value in conditions.items():
            name = name.rstrip("_")
            keep &= (frame[name].isna() if value is None else frame[name] == value).to_numpy()
        assert keep.sum() == 1, frame[keep]
        return frame[keep].iloc[0]

    return make
