"""What a score costs: computing time, parameters, training speakers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from paralbench.report.figures.board import board
from paralbench.report.figures.labels import spread
from paralbench.report.figures.ranks import Ranking
from paralbench.report.reading import LAYERWISE, Frame, Run

SPEED = [
    *("name", "device", "precision", "seconds", "audio_seconds", "real_time", "x_real_time"),
    *("gflops", "share_of_device", "joules", "peak_memory_bytes"),
]


def speed(run: Run) -> Frame:
    """One row per upstream, device and precision: seconds of computing per second of speech.

    Only the encoding is counted: decoding is shared by all upstreams, probes cost seconds. The
    times are of the run that did the work, on its machine; they compare upstreams of one run, not
    of two machines.

    Returns:
        the columns of :data:`SPEED`; ``real_time`` is seconds of computing per second of speech,
        ``x_real_time`` its inverse, ``gflops`` and ``joules`` are per second of speech, missing
        where no run of the work says them.
    """
    timings = run.table("timings")
    rows = timings[(timings["stage"] == "encode") & (timings["audio_seconds"].astype(float) > 0)]
    owners = run.scores[["cell", "upstream"]].drop_duplicates("cell")
    rows = rows.merge(owners, on="cell").rename(columns={"upstream": "name"})
    if rows.empty:
        return pd.DataFrame(columns=SPEED)
    keys = ["name", "device", "precision"]
    rows = _with_shares(rows)
    groups = rows.groupby(keys, dropna=False)
    found = groups[["seconds", "audio_seconds", *_SUMS]].sum(min_count=1)
    found = found.assign(peak_memory_bytes=groups["peak_memory_bytes"].max()).reset_index()
    return found.assign(
        real_time=found["seconds"] / found["audio_seconds"],
        x_real_time=found["audio_seconds"] / found["seconds"],
        gflops=found["flops"] / found["_counted"] / 1e9,
        share_of_device=found["_shared"] / found["_possible"],
        joules=found["energy_joules"] / found["_metered"],
    )[SPEED]


_SUMS = ["flops", "energy_joules", "_counted", "_metered", "_shared", "_possible"]


def _with_shares(rows: Frame) -> Frame:
    """The rows with what their sums are divided by: only of those that say what is divided."""
    numbers = ["seconds", "audio_seconds", "flops", "energy_joules", "share_of_device"]
    rows = rows.astype({**dict.fromkeys(numbers, float), "peak_memory_bytes": float})
    audio, shared = rows["audio_seconds"], rows["flops"].where(rows["share_of_device"] > 0)
    return rows.assign(
        _counted=audio.where(rows["flops"].notna()),
        _metered=audio.where(rows["energy_joules"].notna()),
        _shared=shared,
        _possible=shared / rows["share_of_device"],
    )


def parameters(run: Run) -> dict[str, int]:
    """Upstream to its number of parameters, where the manifest says it."""
    found = {}
    for (kind, id, key), values in run.facts.items():
        if kind == "upstream" and key == "parameters" and values[0].isdigit():
            found[id] = int(values[0])
    return found


def efficiency(run: Run, rankings: Mapping[str, Ranking]) -> Frame:
    """One row per upstream, probe and task, and one for ``all tasks`` that are ranked.

    Args:
        run: the tables.
        rankings: probe to its ranking.

    Returns:
        ``task, name, probe, skill, real_time, device, parameters, gflops, joules, share_of_device,
        peak_memory_bytes``; ``skill`` of all tasks is the mean over the tasks that are ranked.
    """
    rows = board(run)
    rows = rows[~rows["floor"]]
    costs = speed(run)
    # An upstream that was encoded in two ways is shown in the way that most audio went.
    main = costs.sort_values("audio_seconds", ascending=False).drop_duplicates("name")
    one = rows[["task", "name", "probe", "skill"]]
    means = [_mean_skill(one) for one in rankings.values()]
    found = pd.concat([*means, one], ignore_index=True)
    taken = ["real_time", "device", "gflops", "joules", "share_of_device", "peak_memory_bytes"]
    found = found.merge(main[["name", *taken]], on="name", how="left")
    counts = parameters(run)
    found["parameters"] = [counts.get(name) for name in found["name"]]
    found["parameters"] = found["parameters"].astype("Float64")
    return found


def _mean_skill(found: Ranking) -> Frame:
    if len(found.tasks) < 2:
        return pd.DataFrame(columns=pd.Index(["task", "name", "probe", "skill"]))
    whole = f"all tasks ({len(found.tasks)})"
    return found.rows[["name", "probe", "skill"]].assign(task=whole)


def learning(run: Run) -> Frame:
    """One row per task, upstream, probe and share of the training speakers, where shares vary.

    Returns:
        ``what, heading, name, probe, share, n_train, value, low, high, chance, kind``; ``kind`` is
        ``measured``, or ``extrapolated`` for the fitted curve's prediction.
    """
    scores = run.scores
    rows = scores[
        scores["primary"]
        & (scores["setting"] == "within")
        & (scores["fold"] == "all")
        & (scores["seed"] == "mean")
        & scores["group"].isna()
        & scores["class"].isna()
        & (scores["recipe"] != LAYERWISE)
        & ~scores["floor"]
    ]
    curves = rows[rows["train_share"] != 1.0]["cell"].unique()
    rows = rows[rows["cell"].isin(curves)]
    rows = rows.rename(columns={"task": "what", "upstream": "name", "train_share": "share"})
    rows = rows.assign(
        heading=[run.measures[task].heading for task in rows["what"]],
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        chance=rows["chance"].astype(float),
        kind="measured",
    )
    columns = ["what", "heading", "name", "probe", "share", "n_train", "value", "low", "high"]
    columns += ["chance", "kind"]
    found = pd.concat([rows[columns], _extrapolated(run, rows)[columns]], ignore_index=True)
    return found.sort_values(["what", "name", "probe", "share"], ignore_index=True)


def _extrapolated(run: Run, measured: Frame) -> Frame:
    points = run.table("extrapolation").dropna(subset=["value"])
    known = measured[measured["share"] == 1.0].drop(columns=["value", "low", "high", "share"])
    points = points.merge(known, on=["cell", "layer", "metric"], suffixes=("_", ""))
    return points.assign(
        share=points["train_share"], low=None, high=None, n_train=None, kind="extrapolated"
    ).astype({"low": float, "high": float})


def placed(part: Frame, *, character: float = 0.011, line: float = 0.05) -> Frame:
    """Mark what nothing beats in cost and score, and spread the labels so that none overlap.

    Args:
        part: rows with ``name, cost, skill`` of one chart.
        character: width of a letter, as a share of the chart's width.
        line: height of a line, as a share of the chart's height.

    Returns:
        the rows, cheapest first, with ``front`` (bool) and ``label_y``, the label's height.
    """
    part = part.sort_values(["cost", "skill"], ascending=[True, False], kind="stable")
    front = part["skill"] > part["skill"].cummax().shift(fill_value=-np.inf)
    low, reach = part["skill"].min(), max(float(np.ptp(part["skill"])), 1e-9)
    costs = np.log(part["cost"].to_numpy(dtype=float))
    across = (costs - costs.min()) / max(float(np.ptp(costs)), 1e-9)
    up = (part["skill"].to_numpy(dtype=float) - low) / reach
    heights = spread(across, up, list(part["name"]), width=character, height=line)
    return part.assign(front=front, label_y=low + reach * heights)
