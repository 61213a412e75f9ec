"""Probes on frames from cards to tables: what is stored, said and scored."""

from dataclasses import replace

import pytest

from paralbench.cards import load_catalogue
from paralbench.paths import features_home
from paralbench.probes.recipes import RECIPES
from paralbench.runner.estimate import estimate
from paralbench.runner.execute import execute
from paralbench.runner.progress import Quiet
from paralbench.runner.request import Request
from paralbench.tables import RunFolder


class Told(Quiet):
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


def test_a_probe_on_frames_is_run_from_cards_to_scores(cards, tmp_path, monkeypatch):
    quick = replace(RECIPES["emobox"], checkpoints=(16,), learning_rates=(1e-2,), hidden=16)
    monkeypatch.setitem(RECIPES, "emobox", quick)
    catalogue = load_catalogue([cards])
    request = Request(
        upstreams=("fbank",),
        tasks=("voices-emotion",),
        recipes=("emobox",),
        device="cpu",
        seeds=1,
    )
    execute(catalogue, replace(request, recipes=("majority",)), tmp_path / "decoded")
    said = estimate(catalogue, request)
    told = Told()
    summary = execute(catalogue, request, tmp_path / "run", progress=told)
    assert (summary.done, summary.failed, summary.encoded) == (1, 0, 36)
    (folder,) = features_home().glob("*/frames/*")
    assert folder.name == "layer-0-float16"
    (line,) = (line for line in told.lines if "frames of layer" in line)
    assert line.startswith("fbank: frames of layer 0 of 36 utterances: ")
    assert line.endswith(f"under {folder}")
    scores = RunFolder(tmp_path / "run").read("scores")
    whole = scores[(scores["fold"] == "all") & (scores["seed"] == "mean")]
    found = whole[whole["metric"] == "uar"].iloc[0]
    assert (found["recipe"], found["layer"]) == ("emobox", "0")
    assert found["value"] > 0.95

    size = sum(path.stat().st_size for path in folder.iterdir())
    assert said.encodings[0].frames_bytes == pytest.approx(size, rel=0.3)
    assert "of frames of layer 0" in said.lines[-1]
    assert estimate(catalogue, request).encodings[0].frames_bytes == 0
