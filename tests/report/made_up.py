"""A made-up run of any size, written as published tables: what pages and plots are tested on.

Its scores follow from made-up predictions, so that tables agree with one another. No number in it
says anything about an upstream.
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from paralbench.metrics import METRICS
from paralbench.tables import TABLES

UPSTREAMS = {  # id to (parameters, layers)
    "wav2vec-large": (32_500_000, 2),
    "vq-wav2vec-kmeans": (34_000_000, 1),
    "tera-960h": (21_300_000, 3),
    "wav2vec2-base": (95_000_000, 13),
    "wav2vec2-large-lv60": (317_000_000, 25),
    "xls-r-300m": (317_000_000, 25),
    "hubert-base": (95_000_000, 13),
    "hubert-large": (317_000_000, 25),
    "wavlm-base-plus": (95_000_000, 13),
    "wavlm-large": (317_000_000, 25),
    "unispeech-sat-large": (317_000_000, 25),
    "data2vec-large": (314_000_000, 25),
    "whisper-large-v3": (635_000_000, 33),
    "emotion2vec-base": (94_000_000, 8),
}
EMOTIONS = ("angry", "disgust", "happy", "neutral", "sad")
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {  # id to (corpus, classes); none: a number
    "accent": ("l2-arctic", ("arabic", "hindi", "korean", "mandarin", "spanish", "vietnamese")),
    "age": ("agevoxceleb", ()),
    "arousal": ("msp-podcast", ()),
    "cold": ("urtic", ("C", "NC")),
    "depression": ("daic-woz", ("no", "yes")),
    "dialect": ("kespeech", tuple(f"dialect {n}" for n in range(1, 10))),
    "dominance": ("msp-podcast", ()),
    "emotion": ("msp-podcast", EMOTIONS),
    "gender": ("voxceleb1", ("female", "male")),
    "sarcasm": ("mustard", ("no", "yes")),
    "sentiment": ("cmu-mosei", ("negative", "neutral", "positive")),
    "stutter": ("sep-28k", ("fluent", "stutter")),
    "valence": ("msp-podcast", ()),
}
CORPORA = ("crema-d", "emodb", "iemocap", "msp-podcast", "ravdess")  # 20 ordered pairs


@dataclass
class MadeUp:
    """The rows so far, by table."""

    rng: np.random.Generator
    seeds: int
    utterances: int
    suite: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    truths: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def add(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        self.tables.setdefault(name, []).extend(rows)


def write_run(
    folder: Path,
    *,
    upstreams: Sequence[str] = tuple(UPSTREAMS),
    tasks: Sequence[str] = tuple(TASKS),
    corpora: Sequence[str] = CORPORA,
    seeds: int = 5,
    utterances: int = 60,
    layers: bool = True,
    growth: bool = False,
    failed: Sequence[tuple[str, str]] = (),
    without: Sequence[str] = (),
    suite: str = "made-up",
    seed: int = 0,
) -> Path:
    """Write a run.

    Args:
        folder: where.
        upstreams: ids, of :data:`UPSTREAMS` or any other.
        tasks: ids, of :data:`TASKS` or any other (which then have two classes).
        corpora: between all ordered pairs of which emotion is transferred.
        seeds: probes of each cell.
        utterances: test utterances of each task.
        layers: whether there are probes for each layer.
        growth: whether one, and two corpora together, train towards a third in the protocol growth.
        failed: (upstream, task) that failed instead.
        without: tables that are left out.
        suite: the suite's name.
        seed: of all that is made up.

    Returns:
        the folder.
    """
    run = MadeUp(np.random.default_rng(seed), seeds, utterances, suite)
    skill = {name: run.rng.uniform(0.25, 0.75) for name in upstreams}
    for task in tasks:
        corpus, classes = TASKS.get(task, (f"{task} corpus", ("no", "yes")))
        ease = run.rng.uniform(-0.15, 0.15)
        common = {"task": task, "train": corpus, "test": corpus, "setting": "within"}
        for upstream in upstreams:
            if (upstream, task) in failed:
                cell = _slot(run, upstream=upstream, recipe="paralbench", **common)
                run.add("failures", [_failure(cell)])
                continue
            level = float(np.clip(skill[upstream] + ease + run.rng.normal(0, 0.05), 0.05, 0.95))
            _cell(run, upstream, classes, level, recipe="paralbench", curve=True, **common)
            if layers:
                _layers(run, upstream, classes, level, **common)
        _cell(run, "none", classes, 0.0, recipe="majority", **common)
        _cell(run, "none", classes, 0.08, recipe="duration", **common)
    ceilings = {}  # of an upstream and corpus: cell and score
    for train, test in [*((one, one) for one in corpora), *permutations(corpora, 2)]:
        setting = "ceiling" if train == test else "pair"
        common = {"task": "emotion", "train": train, "test": test, "setting": setting}
        for upstream in upstreams:
            level = skill[upstream] * (1.0 if train == test else run.rng.uniform(0.2, 0.7))
            made = _cell(run, upstream, EMOTIONS, level, recipe="paralbench", **common)
            if train == test:
                ceilings[upstream, test] = made
            else:
                _losses(run, *made, *ceilings[upstream, test])
    sizes = (2, 3) if growth else ()
    for *train, test in (some for size in sizes for some in permutations(corpora, size)):
        common = {"train": "+".join(train), "test": test, "setting": "growth"}
        for upstream in upstreams:
            level = skill[upstream] * run.rng.uniform(0.4, 0.8)
            common |= {"task": "emotion", "recipe": "paralbench"}
            _cell(run, upstream, EMOTIONS, level, **common)
    _write(run, folder, set(without))
    return folder


def _slot(run: MadeUp, upstream: str, recipe: str, task: str, train: str, test: str, setting: str):
    slot = "|".join([setting, task, train, test, upstream, recipe, "none"])
    cell = f"{upstream}.{task}.{hashlib.sha256(slot.encode()).hexdigest()[:12]}"
    run.slots[slot] = cell
    return cell


def _failure(cell: str) -> dict[str, str]:
    return {
        "cell": cell,
        "stage": "encode",
        "error": "RuntimeError",
        "message": "no memory\nat all",
        "when": "now",
    }


def _cell(run, upstream, classes, level, *, recipe, curve=False, **where):
    cell = _slot(run, upstream, recipe, **where)
    seeds = 1 if recipe == "majority" else run.seeds
    key = where["task"], where["test"]
    if key not in run.truths:
        # The same in every run, so that runs of other seeds can be compared.
        rng = np.random.default_rng(zlib.crc32("|".join(key).encode()))
        run.truths[key] = _truth(rng, run.utterances, classes)
    truth = run.truths[key]
    answers = np.stack([_answers(run, truth, classes, level) for _ in range(seeds)])
    metrics = ("uar", "wa", "weighted-f1") if classes else ("ccc", "mae")
    if where["task"] == "age":
        metrics = ("mae", "ccc")
    names = np.array(classes, dtype=object) if classes else None
    common = _common(run, cell, upstream, recipe, where)
    rows = []
    for name in metrics:
        metric = METRICS[name]
        chance = metric.chance(truth)
        sums = metric.statistics(truth, answers, len(classes) or None).sum(axis=-2)
        values = np.nan_to_num(metric.value(sums))
        for index in range(seeds):
            rows.append(_score(common, name, values[index], chance, seed=str(index)))
        value, half = float(np.mean(values)), run.rng.uniform(0.02, 0.07)
        more = {"ci_low": value - half, "ci_high": value + half}
        more["interval_method"] = "speaker-bootstrap"
        rows.append(_score(common, name, value, chance, **more))
        if name == metrics[0]:
            primary, primary_chance = value, chance
    if recipe == "paralbench":
        rows += _groups(run, common, cell, metrics[0], primary, primary_chance, classes)
    if curve:
        rows += _curve(run, common, cell, metrics[0], primary, primary_chance)
    run.add("scores", rows)
    run.add("predictions", _predictions(cell, truth, answers, names, where["test"]))
    if classes:
        counts = np.zeros((len(classes), len(classes)), dtype=int)
        np.add.at(counts, (np.tile(truth, seeds), answers.ravel()), 1)
        pairs = [(i, j) for i in range(len(classes)) for j in range(len(classes))]
        run.add("confusion", [
            {"cell": cell, "layer": "mix", "truth": classes[i], "prediction": classes[j],
             "count": int(counts[i, j])} for i, j in pairs
        ])  # fmt: skip
        run.add("calibration", _calibration(run, cell))
    run.add("timings", _timings(run, cell, upstream, where))
    run.add("manifest", _manifest(cell, upstream, where, metrics[0], classes))
    return cell, primary


def _truth(rng, n, classes):
    if not classes:
        return rng.normal(3.5, 1.0, n)
    every = np.arange(n) % len(classes)
    return every[rng.permutation(n)]


def _answers(run, truth, classes, level):
    if not classes:
        noise = run.rng.normal(3.5, 1.0, len(truth))
        return level * truth + (1 - level) * noise
    guess = run.rng.integers(0, len(classes), len(truth)) if level else np.zeros(len(truth), int)
    return np.where(run.rng.random(len(truth)) < level, truth, guess)


def _common(run, cell, upstream, recipe, where):
    return {
        "cell": cell,
        "suite": run.suite,
        "upstream": upstream,
        "revision": None if upstream == "none" else "0123456789abcdef",
        "variant": None if upstream == "none" else "plain",
        "task": where["task"],
        "label": where["task"],
        "setting": where["setting"],
        "train_corpora": where["train"],
        "test_corpus": where["test"],
        "split": "pair" if where["setting"] == "pair" else "speaker-k-fold",
        "recipe": recipe,
        "layer": "mix",
        "normalisation": "none",
        "selection": "none" if recipe == "majority" else "development",
        "transductive": False,
        "group": None,
        "class": None,
        "n_train": 400,
        "n_utterances": run.utterances,
        "n_speakers": 12,
        "leakage": "speaker" if where["task"] == "sarcasm" else "",
        "contaminated": upstream == "emotion2vec-base" and where["test"] == "msp-podcast",
        "precision": None if upstream == "none" else "fp32",
        "features_key": None if upstream == "none" else f"features of {upstream}",
        "cards_key": "0123456789abcdef",
        "paralbench_version": "0.1.0",
        "train_share": 1.0,
        "ci_low": None,
        "ci_high": None,
        "interval_method": None,
    }


def _score(common, metric, value, chance, *, fold="all", seed="mean", **more):
    row = {"fold": fold, "seed": seed, "metric": metric, "value": value, "chance": chance}
    return {**common, **row, **more}


def _groups(run, common, cell, metric, value, chance, classes):
    rows = [
        _score(common, metric, value + shift, chance, group=f"gender={name}")
        for name, shift in (("female", run.rng.uniform(0, 0.08)), ("male", -0.02))
    ]
    gap = abs(rows[0]["value"] - rows[1]["value"])
    run.add("gaps", [
        {"cell": cell, "layer": "mix", "column": "gender", "groups": "female | male",
         "metric": metric, "best": "female", "worst": "male", "gap": gap, "null_mean": 0.02,
         "null_high": 0.06, "p_value": 0.01 if gap > 0.06 else 0.4, "permutations": 1000,
         "n_speakers": 12, "reason": None}
    ])  # fmt: skip
    for name in classes:
        recall = float(np.clip(value + run.rng.normal(0, 0.1), 0, 1))
        rows.append(_score(common, "recall", recall, 1 / len(classes), **{"class": name}))
    return rows


def _curve(run, common, cell, metric, value, chance):
    shares = (0.125, 0.25, 0.5)
    rows = []
    for share in shares:
        point = chance + (value - chance) * (1 - 0.4 * (1 - share))
        half = {"ci_low": point - 0.05, "ci_high": point + 0.05}
        rows.append(_score(common, metric, point, chance, train_share=share, **half))
    run.add("extrapolation", [
        {"cell": cell, "layer": "mix", "metric": metric, "form": "a - b n^-c", "a": value + 0.05,
         "b": 0.1, "c": 0.5, "n_points": 4, "rmse": 0.01, "train_share": 2.0,
         "value": value + 0.02, "reason": None}
    ])  # fmt: skip
    return rows


def _layers(run, upstream, classes, level, **where):
    cell = _slot(run, upstream, "layers", **where)
    number = UPSTREAMS.get(upstream, (0, 5))[1]
    metric = METRICS["uar" if classes else "mae" if where["task"] == "age" else "ccc"]
    chance = 1 / len(classes) if classes else 0.8 if where["task"] == "age" else 0.0
    depth = np.linspace(0, 1, number) if number > 1 else np.array([0.6])
    hump = np.exp(-((depth - run.rng.uniform(0.4, 0.8)) ** 2) / 0.3)
    common = _common(run, cell, upstream, "layers", where)
    best = chance + level * (1 - chance) if metric.higher_is_better else chance * (1 - level)
    rows = [
        _score(common, metric.name, chance + (best - chance) * height, chance, layer=str(index))
        for index, height in enumerate(hump)
    ]
    run.add("scores", [{**row, "ci_low": row["value"] - 0.04, "ci_high": row["value"] + 0.04,
                        "interval_method": "speaker-bootstrap"} for row in rows])  # fmt: skip


def _predictions(cell, truth, answers, names, corpus):
    told = [str(value) for value in (truth if names is None else names[truth])]
    rows = []
    for seed, said in enumerate(answers):
        spoken = [str(value) for value in (said if names is None else names[said])]
        rows += [
            {"cell": cell, "seed": str(seed), "layer": "mix", "fold": "1", "corpus": corpus,
             "utterance": f"u{i}", "speaker": f"s{i % 12}",
             "session": None,
             "gender": "female" if i % 2 else "male", "language": None, "truth": told[i],
             "prediction": spoken[i]}
            for i in range(len(told))
        ]  # fmt: skip
    return rows


def _calibration(run, cell):
    edges = np.linspace(0, 1, 11)
    return [
        {"cell": cell, "layer": "mix", "bin": i, "low": edges[i], "high": edges[i + 1],
         "count": int(run.rng.integers(5, 60)) if i > 1 else 0,
         "confidence": edges[i] + 0.05 if i > 1 else None,
         "accuracy": float(np.clip(edges[i] - 0.05 + run.rng.normal(0, 0.03), 0, 1)) if i > 1
         else None}
        for i in range(10)
    ]  # fmt: skip


def _losses(run, cell, value, ceiling_cell, ceiling):
    drop = ceiling - value
    run.add("drops", [
        {"cell": cell, "ceiling_cell": ceiling_cell, "layer": "mix", "metric": "uar",
         "value": value, "ceiling": ceiling, "drop": drop, "ci_low": drop - 0.05,
         "ci_high": drop + 0.05, "interval_method": "speaker-bootstrap", "n_train": 400,
         "n_train_ceiling": 320, "n_utterances": run.utterances, "n_speakers": 12,
         "languages": "cross", "reason": None}
    ])  # fmt: skip
    run.add("priors", [
        {"cell": cell, "layer": "mix", "variant": variant, "source_cell": cell, "wa": wa,
         "uar": value, "decisions_changed": None, "temperature": None, "transductive": False,
         "reason": None}
        for variant, wa in (("cross", value), ("ceiling", ceiling), ("em", value + 0.02))
    ])  # fmt: skip


def _timings(run, cell, upstream, where):
    rows = [{"cell": cell, "stage": "probe", "seconds": 1.5, "device": "cpu",
             "precision": "fp32", "threads": 2}]  # fmt: skip
    if upstream != "none" and where["setting"] == "within":
        parameters = UPSTREAMS.get(upstream, (5e7, 0))[0]
        seconds = 3600 * (0.01 + parameters / 3e9) * run.rng.uniform(0.95, 1.05)
        flops = 3600.0 * 120 * parameters
        rows.append({**rows[0], "stage": "encode", "audio_seconds": 3600.0, "seconds": seconds,
                     "x_real_time": 3600.0 / seconds, "flops": flops,
                     "flops_per_second": flops / seconds,
                     "share_of_device": flops / seconds / 2e12, "batches": 90,
                     "padding_share": 0.02, "peak_memory_bytes": 2 * 10**9,
                     "energy_joules": 80 * seconds})  # fmt: skip
    return rows


def _manifest(cell, upstream, where, metric, classes):
    better = str(METRICS[metric].higher_is_better).lower()
    facts = [
        ("task", where["task"], "primary_metric", metric),
        ("task", where["task"], "higher_is_better", better),
        ("task", where["task"], "classes", " ".join(classes)),
        ("run", "run", "seed", "0"),
        ("machine", "machine", "system", "Linux x86_64"),
        ("package", "torch", "version", "2.13.0"),
        ("corpus", where["test"], "utterances", "460"),
        ("corpus", where["test"], "seconds", "3600.0"),
        ("corpus", where["test"], "licence", "made up"),
    ]
    if upstream in UPSTREAMS:
        facts.append(("upstream", upstream, "parameters", str(UPSTREAMS[upstream][0])))
    if upstream != "none":
        facts.append(("upstream", upstream, "licence", "made up"))
    return [dict(zip(TABLES["manifest"].names, (cell, *fact), strict=True)) for fact in facts]


def _write(run: MadeUp, folder: Path, without: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in run.tables.items():
        if name not in without:
            frame = pd.DataFrame(rows, columns=TABLES[name].names, dtype=object)
            pq.write_table(TABLES[name].to_arrow(frame), folder / f"{name}.parquet")
    plan = {"slots": run.slots, "skipped": ["nemo (nemo-emotion): not on this machine"]}
    (folder / "plan.json").write_text(json.dumps(plan))
