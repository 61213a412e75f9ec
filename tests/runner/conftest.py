"""A small corpus of made-up voices: the emotion is audible, the gender too."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

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
