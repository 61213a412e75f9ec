"""Transfer settings from cards to tables: three made-up corpora, every protocol, and going on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score
from tests.layouts.voices import write_voice
from tests.runner.executors.machines import Machines

from paralbench import paths
from paralbench.cards import load_catalogue
from paralbench.metrics import METRICS
from paralbench.runner import execute as executing
from paralbench.runner.execute import execute
from paralbench.runner.executors.exchanging import Exchanging
from paralbench.runner.request import Request
from paralbench.runner.transfer_tables import write_transfer_tables
from paralbench.tables import TABLES, RunFolder, slots
from paralbench.transfer.protocols import PROTOCOLS

CORPUS = """\
kind: corpus
name: Made-up voices {id}
access: open
licence: none
speakers: known
languages: [{language}]
root: clips-{id}
reader: {{name: csv, options: {{file: labels.csv, path: path}}}}
labels:
  emotion: {{kind: class, values: [anger, joy, neutral]}}
  arousal: {{kind: number, low: 1, high: 7}}
"""
EMOTION = """\
kind: harmonised
name: Emotion of made-up voices
label: emotion
target: classes
classes: [anger, joy, neutral]
metrics: [uar, wa]
domains:
  one: {corpora: [one]}
  two: {corpora: [two]}
  pair-of-classes: {corpora: [three], map: {anger: anger, neutral: neutral}}
"""
AROUSAL = """\
kind: harmonised
name: Arousal of made-up voices
label: arousal
target: regression
low: 0
high: 1
metrics: [ccc, pearson]
domains:
  one: {corpora: [one], scale: [1, 7]}
  two: {corpora: [two], scale: [1, 7], no_ceiling: nothing is to be heard in it}
"""
LANGUAGES = {"one": "xx", "two": "xx", "three": "yy"}
LEVEL = {"anger": 6.0, "joy": 4.5, "neutral": 2.0}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Corpora of six speakers with eight clips each; anger is rarer in one than in two."""
    folder = tmp_path_factory.mktemp("transfer-cards")
    for id, language in LANGUAGES.items():
        rng = np.random.default_rng(len(id))
        lines = ["path,speaker,emotion,arousal"]
        for speaker in range(6):
            words = ["anger", "joy", "neutral", "neutral"]
            words += ["neutral", "joy"] if id == "one" else ["anger", "anger"]
            for number, emotion in enumerate(words):
                name = f"s{speaker}_{number}.wav"
                # One clip in six sounds like another emotion, so that no probe is perfect.
                sound = rng.choice(list(LEVEL)) if rng.random() < 1 / 6 else emotion
                write_voice(folder / f"clips-{id}" / name, f"{id}{speaker}", sound, 0.25)
                lines.append(f"{name},s{speaker},{emotion},{LEVEL[emotion] + rng.normal() / 3:.2f}")
        (folder / f"clips-{id}" / "labels.csv").write_text("\n".join(lines) + "\n")
        (folder / f"{id}.yaml").write_text(CORPUS.format(id=id, language=language))
    (folder / "made-up-emotion.yaml").write_text(EMOTION)
    (folder / "made-up-arousal.yaml").write_text(AROUSAL)
    return load_catalogue([folder])


def request_of(**changes):
    given = {
        "upstreams": ("fbank",),
        "transfer": ("made-up-emotion", "made-up-arousal"),
        "recipes": ("ridge",),
        "protocols": PROTOCOLS,
        "seeds": 2,
        "device": "cpu",
        "precision": "fp32",
    }
    return Request(**{**given, **changes})


@pytest.fixture(scope="module")
def done(catalogue, tmp_path_factory):
    """A run of everything; its summary and folder."""
    out = tmp_path_factory.mktemp("transfer-run")
    summary = execute(catalogue, request_of(), out)
    write_transfer_tables(RunFolder(out), catalogue, 0)
    return summary, RunFolder(out)


@pytest.fixture(scope="module")
def run(done):
    return done[1]


def by_slot(run, table, **parts):
    """Rows of the cells whose slot has these parts."""
    cells = {
        cell
        for slot, cell in run.cells().items()
        if all(slots.split(slot)[key] == value for key, value in parts.items())
    }
    found = run.read(table)
    return found[found["cell"].isin(cells)]


def test_every_protocol_gives_scores(done):
    summary, run = done
    assert summary.failed == 0, summary.failures
    scores = run.read("scores")
    emotion = scores[scores["task"] == "made-up-emotion"]
    found = emotion.groupby("setting")[["train_corpora", "test_corpus"]].agg(set)
    assert set(found.index) == set(PROTOCOLS)
    assert found.loc["leave-one-corpus-out", "train_corpora"] == {
        "two+pair-of-classes",
        "one+pair-of-classes",
        "one+two",
    }
    assert found.loc["pooled", "train_corpora"] == {"one+two+pair-of-classes"}
    assert found.loc["ceiling", "train_corpora"] == {
        "one",
        "one[anger,neutral]",
        "two",
        "two[anger,neutral]",
        "pair-of-classes",
    }
    # Every utterance of the tested corpus is tested once, whatever trains.
    pooled = emotion[(emotion["fold"] == "all") & (emotion["seed"] == "mean")]
    pooled = pooled[pooled["group"].isna() & pooled["class"].isna()]
    assert set(pooled.loc[pooled["test_corpus"] == "one", "n_utterances"]) == {36, 18 + 6}
    # The two corpora that arousal has are too few for two protocols, which is told.
    assert any("leave-one-corpus-out of made-up-arousal" in line for line in summary.skipped)
    assert any("nothing is to be heard in it" in line for line in summary.skipped)


@pytest.mark.slow
def test_two_processes_give_the_tables_of_one(catalogue, tmp_path, monkeypatch):
    found = []
    for devices in ((), ("cpu", "cpu")):
        name = "-".join(devices) or "one"
        monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / f"home-{name}"))
        recipes = ("ridge", "lda", "paralbench")
        request = request_of(recipes=recipes, seeds=1, threads=1, devices=devices)
        summary = execute(catalogue, request, tmp_path / name)
        assert summary.failed == 0, summary.failures
        found.append(RunFolder(tmp_path / name))
    one, two = found
    assert len(one.read("scores")["cell"].unique()) > 40
    for table in TABLES:
        if table != "timings":
            pd.testing.assert_frame_equal(two.read(table), one.read(table))


def test_machines_that_share_no_folder_read_what_trains_together(catalogue, tmp_path, monkeypatch):
    """Also of cells that were done before, whose features a new machine has not."""
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "home"))
    given = {"transfer": ("made-up-emotion",), "protocols": ("pair",)}
    expected = RunFolder(tmp_path / "alone")
    execute(catalogue, request_of(**given), expected.path)
    out, address = RunFolder(tmp_path / "run"), f"file://{tmp_path}/there"
    execute(catalogue, request_of(**given, corpora=("one", "two")), out.path)
    machines = Machines([tmp_path / "a", tmp_path / "b"])
    monkeypatch.setattr(
        executing, "choose_executor", lambda *_: Exchanging(machines, address, paths.home())
    )
    request = request_of(**given, executor="ray", store=address)
    summary = execute(catalogue, request, out.path)
    assert (summary.done, summary.reused, summary.failed) == (4, 2, 0)
    for table in ("scores", "predictions", "drops"):
        pd.testing.assert_frame_equal(out.read(table), expected.read(table))


def test_a_step_of_growth_is_nested_and_does_not_depend_on_the_order(run):
    scores = by_slot(run, "scores", setting="growth", test="one")
    trained = set(scores["train_corpora"])
    assert trained == {
        "two[anger,neutral]",
        "two+pair-of-classes[anger,neutral]",
        "pair-of-classes",
        "pair-of-classes+two[anger,neutral]",
    }
    rows = scores[(scores["fold"] == "all") & (scores["metric"] == "uar")]
    both = [
        rows[rows["train_corpora"] == name]["value"].tolist() for name in trained if "+" in name
    ]
    assert both[0] == both[1]


def test_the_drop_is_that_of_the_same_utterances(run):
    """Recomputed from the predictions, with scikit-learn."""
    drops = by_slot(run, "drops", setting="pair", train="one", test="two")
    row = drops[drops["metric"] == "uar"].iloc[0]
    pair, ceiling = (
        by_slot(run, "predictions", task="made-up-emotion", test="two", **parts)
        for parts in ({"setting": "pair", "train": "one"}, {"setting": "ceiling", "train": "two"})
    )
    assert row["ceiling_cell"] == ceiling["cell"].iloc[0]
    scores = []
    for frame in (pair, ceiling):
        seeds = [
            balanced_accuracy_score(one["truth"], one["prediction"])
            for _, one in frame.groupby("seed")
        ]
        scores.append(np.mean(seeds))
    assert set(pair["utterance"]) == set(ceiling["utterance"])
    assert row["value"] == pytest.approx(scores[0])
    assert row["ceiling"] == pytest.approx(scores[1])
    assert row["drop"] == pytest.approx(scores[1] - scores[0])
    assert row["interval_method"] == "speaker-jackknife-t"
    assert row["ci_low"] <= row["drop"] <= row["ci_high"]
    assert (row["n_utterances"], row["n_speakers"], row["n_train"]) == (36, 6, 36)
    assert row["n_train_ceiling"] == pytest.approx(36 * 4 / 5, abs=1)
    assert row["languages"] == "same"
    normalised = drops[drops["metric"] == "uar-normalised"].iloc[0]
    assert normalised["drop"] == pytest.approx(row["drop"] * 1.5)
    assert normalised["value"] == pytest.approx((row["value"] - 1 / 3) * 1.5)


def test_the_ceiling_has_the_classes_of_the_setting(run):
    drops = by_slot(run, "drops", setting="pair", train="pair-of-classes", test="two")
    row = drops[drops["metric"] == "uar"].iloc[0]
    (slot,) = [one for one, cell in run.cells().items() if cell == row["ceiling_cell"]]
    assert slots.split(slot)["train"] == "two[anger,neutral]"
    assert row["n_utterances"] == 30
    assert row["languages"] == "cross"
    mixed = by_slot(run, "drops", setting="leave-one-corpus-out", test="two")
    assert set(mixed["languages"]) == {"mixed"}
    assert set(by_slot(run, "drops", setting="pooled", test="two")["languages"]) == {"mixed"}


def test_priors_tell_what_a_change_of_classes_explains(run):
    rows = by_slot(run, "priors", setting="pair", train="one", test="two").set_index("variant")
    assert list(rows.index) == [
        "cross",
        "ceiling",
        "in-corpus",
        "reweighted",
        "em",
        "em-calibrated",
    ]
    source = by_slot(run, "predictions", setting="ceiling", train="one")
    counts = {"anger": 18 / 36, "joy": 6 / 36, "neutral": 12 / 36}  # of the tested corpus
    expected = np.mean(
        [
            recall_score(one["truth"], one["prediction"], average=None, labels=list(counts))
            @ list(counts.values())
            for _, one in source.groupby("seed")
        ]
    )
    assert rows.loc["reweighted", "wa"] == pytest.approx(expected)
    # Priors do not move UAR.
    assert rows.loc["reweighted", "uar"] == pytest.approx(rows.loc["in-corpus", "uar"])
    assert rows["transductive"].tolist() == [False] * 4 + [True] * 2
    by_class = by_slot(run, "class_priors", setting="pair", train="one", test="two")
    by_class = by_class.set_index("class")
    assert by_class["test_prior"].to_dict() == pytest.approx(counts)
    assert by_class["train_prior"].to_dict() == pytest.approx(
        {"anger": 1 / 6, "joy": 1 / 3, "neutral": 1 / 2}
    )
    assert by_class["loss_prior"].tolist() == pytest.approx([1 / 3] * 3)
    assert by_class["recall"].mean() == pytest.approx(rows.loc["cross", "uar"])
    several = by_slot(run, "priors", setting="leave-one-corpus-out", test="two")
    several = several.set_index("variant")
    assert several.loc["in-corpus", "reason"] == "several corpora were trained on"


def test_shifts_multiply_to_ccc(run):
    shifts = by_slot(run, "shifts", setting="pair", train="one", test="two")
    assert shifts["seed"].tolist() == ["0", "1", "mean"]
    predictions = by_slot(
        run, "predictions", task="made-up-arousal", setting="pair", train="one", test="two"
    )
    for (_, part), row in zip(predictions.groupby("seed"), shifts.to_dict("records"), strict=False):
        truth, said = (part[name].astype(float) for name in ("truth", "prediction"))
        assert row["ccc"] == pytest.approx(METRICS["ccc"](truth, said))
        assert row["pearson"] * row["bias_correction"] == pytest.approx(row["ccc"])
        assert row["scale_shift"] == pytest.approx(np.std(said) / np.std(truth))


def test_a_corpus_without_a_ceiling_says_why(run):
    drops = by_slot(run, "drops", task="made-up-arousal", setting="pair", test="two")
    assert set(drops["metric"]) == {"ccc", "pearson"}
    assert drops["drop"].isna().all()
    assert set(drops["reason"]) == {"nothing is to be heard in it"}
    assert drops["value"].notna().all()


def test_again_gives_the_same_tables_and_writes_none(run, catalogue):
    tables = ("drops", "priors", "class_priors", "shifts")
    before = {name: run.read(name) for name in tables}
    assert write_transfer_tables(run, catalogue, 0) == 0
    for name in tables:
        for file in (run.path / name).iterdir():
            file.unlink()
    n_cells = before["drops"]["cell"].nunique()
    assert write_transfer_tables(run, catalogue, 0) == n_cells
    for name in tables:
        pd.testing.assert_frame_equal(run.read(name), before[name])


def test_a_failed_ceiling_is_a_reason_and_its_success_a_drop(catalogue, tmp_path):
    out = RunFolder(tmp_path / "run")
    given = {"transfer": ("made-up-emotion",), "seeds": 1, "corpora": ("one", "two")}
    execute(catalogue, request_of(protocols=("pair", "ceiling"), **given), out.path)
    cells = {slot: cell for slot, cell in out.cells().items() if slot.startswith("ceiling|")}
    (ceiling,) = [cell for slot, cell in cells.items() if "|two|" in slot]
    kept = out.path / "scores" / f"{ceiling}.parquet"
    content = kept.read_bytes()
    kept.unlink()
    out.fail(ceiling, "probe", RuntimeError("no memory\nmore of it"), "now")

    def towards_two():
        write_transfer_tables(out, catalogue, 0)
        return by_slot(out, "drops", setting="pair", test="two")

    assert set(towards_two()["reason"]) == {"the ceiling failed: no memory"}
    rows = by_slot(out, "priors", setting="pair", test="two").set_index("variant")
    assert rows.loc["ceiling", "reason"] == "the ceiling failed: no memory"
    kept.write_bytes(content)
    assert towards_two()["drop"].notna().all()
    assert towards_two()["reason"].isna().all()


def test_adapted_features_are_stamped_and_compared_with_the_plain_ceiling(catalogue, tmp_path):
    out = RunFolder(tmp_path / "run")
    request = request_of(
        transfer=("made-up-emotion",),
        corpora=("one", "two"),
        protocols=("pair", "ceiling"),
        normalisations=("none", "corpus", "coral"),
        seeds=1,
    )
    assert execute(catalogue, request, out.path).failed == 0
    write_transfer_tables(out, catalogue, 0)
    scores = out.read("scores")
    stamped = scores.groupby("normalisation")["transductive"].agg(set).to_dict()
    assert stamped == {"none": {False}, "corpus": {True}, "coral": {True}}
    assert set(scores.loc[scores["setting"] == "ceiling", "normalisation"]) == {"none"}
    drops = by_slot(out, "drops", train="one", test="two")
    assert drops["cell"].nunique() == 3
    assert drops["ceiling_cell"].nunique() == 1
    cross = by_slot(out, "priors", normalisation="coral")
    assert cross.loc[cross["variant"] == "cross", "transductive"].all()
