"""Tasks about sessions: exact means over all frames, one example and one prediction each."""

import numpy as np
import pytest
from tests.layouts.voices import write_voice

from paralbench.runner.sessions import Sessions
from paralbench.tables import RunFolder

CORPUS = """\
kind: corpus
name: Made-up interviews
access: open
licence: none
speakers: known
resample: session
root: clips
reader: {name: csv, options: {file: turns.csv, path: path}}
labels:
  low: {kind: class, values: ['no', 'yes']}
"""
TASK = """\
kind: task
name: Mood of an interview
corpus: interviews
label: low
target: classes
classes: ['no', 'yes']
unit: session
split: {protocol: speaker-k-fold, folds: 3}
metrics: [uar]
span: medium
"""


def test_a_sessions_mean_is_that_of_all_its_frames():
    generator = np.random.default_rng(0)
    frames = [
        generator.standard_normal((n, 2, 3)) for n in (4, 1, 7, 5, 2)
    ]  # (frames, layers, dim)
    of = np.array([0, 1, 0, 1, 1])
    means = np.stack([one.mean(0) for one in frames])
    merged = Sessions([], of, 2).merge(means, np.array([len(one) for one in frames]))
    for session in (0, 1):
        together = np.concatenate(
            [one for one, at in zip(frames, of, strict=True) if at == session]
        )
        np.testing.assert_allclose(merged[session], together.mean(0), rtol=1e-12)


@pytest.fixture
def interviews(tmp_path):
    """Twelve interviews of one to five turns."""
    folder = tmp_path / "cards"
    lines = ["path,speaker,session,low"]
    for number in range(12):
        low = ("yes", "no")[number % 2]
        for turn in range(1 + number % 5):
            name = f"s{number}_{turn}.wav"
            write_voice(folder / "clips" / name, f"s{number}", low, 0.2 + 0.05 * turn)
            lines.append(f"{name},s{number},i{number},{low}")
    (folder / "clips" / "turns.csv").write_text("\n".join(lines) + "\n")
    (folder / "interviews.yaml").write_text(CORPUS)
    (folder / "interviews-mood.yaml").write_text(TASK)
    return folder


def test_an_interview_is_one_prediction(interviews, paralbench, tmp_path):
    out = tmp_path / "run"
    arguments = ["--upstreams", "fbank", "--tasks", "interviews-mood", "--seeds", "2"]
    paralbench("run", "--cards", interviews, "--out", out, *arguments, check=0)
    tables = RunFolder(out)
    predictions = tables.read("predictions")
    one = predictions[(predictions["seed"] == "0") & predictions["cell"].str.startswith("fbank")]
    assert sorted(one["utterance"]) == sorted(f"i{number}" for number in range(12))
    scores = tables.read("scores")
    row = scores[(scores["seed"] == "mean") & (scores["fold"] == "all")].iloc[0]
    assert row["n_utterances"] == 12
    assert row["interval_method"]


def test_an_interview_with_two_labels_is_refused(interviews, paralbench, tmp_path):
    table = interviews / "clips" / "turns.csv"
    table.write_text(table.read_text().replace("s4_1.wav,s4,i4,yes", "s4_1.wav,s4,i4,no"))
    out = tmp_path / "run"
    arguments = ["--upstreams", "fbank", "--tasks", "interviews-mood", "--seeds", "1"]
    paralbench("run", "--cards", interviews, "--out", out, *arguments, check=1)
    (message,) = set(RunFolder(out).read("failures")["message"])
    assert "1 sessions have utterances with different labels: i4" in message
