"""What extraction and probes took: measures of an extraction, and rows of the table ``timings``."""

import json
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from paralbench import paths
from paralbench.cards.upstream import InstalledWeights, NoWeights
from paralbench.errors import StoreError
from paralbench.features.device import with_backend
from paralbench.features.extract import ExtractionReport
from paralbench.features.flops import Flops, measure_flops
from paralbench.features.matmul_rate import matmul_rate
from paralbench.runner.keys import digest
from paralbench.runner.request import Request
from paralbench.storage.atomic import write_file
from paralbench.tables import TABLES
from paralbench.upstreams.base import backend_of
from paralbench.upstreams.loading import load_encoder

if TYPE_CHECKING:
    from paralbench.runner.upstream import Upstream

_COUNTING = 1  # raised when operations are counted in another way


def flops_of(upstream: "Upstream", device: str = "cpu") -> Flops | None:
    """Operations of an upstream by length, counted once and remembered beside the feature store.

    Args:
        upstream: the upstream; its encoder is loaded if they are not remembered.
        device: where the encoder is.

    Returns:
        None for signal processing, and where nothing can be counted.
    """
    if upstream.given is None and isinstance(
        upstream.card.weights[0], NoWeights | InstalledWeights
    ):
        return None
    folder = paths.features_home() / "encoders"
    key = digest({"counting": _COUNTING, "features": upstream.description})
    name = f"{key}-flops.json"
    try:
        found = json.loads((folder / name).read_text())
        return None if found is None else Flops(**found)
    except (OSError, json.JSONDecodeError, TypeError):
        flops = _measured_flops(upstream, device)
    facts = None if flops is None else asdict(flops)
    with suppress(StoreError):  # a disk that is full or read-only: they are counted again
        write_file(folder, name, json.dumps(facts, sort_keys=True).encode())
    return flops


def _measured_flops(upstream: "Upstream", device: str) -> Flops | None:
    encoder = upstream.encoder
    if backend_of(encoder) == "torch":
        return measure_flops(encoder, device)
    return measure_flops(load_encoder(upstream.card, upstream.weights))  # the same, before


def with_measures(
    report: ExtractionReport, upstream: "Upstream", energy: float | None, workers: int = 1
) -> ExtractionReport:
    """A report with the operations of what was encoded, and what the device could have done.

    Args:
        report: on an extraction that has just ended, in this process.
        upstream: what encoded.
        energy: joules that the device took; None where it does not say.
        workers: with more than one, what they can do together is not known.
    """
    if not report.encoded:
        return report
    report = replace(report, energy_joules=energy)
    flops = flops_of(upstream, report.device)
    if flops is None:
        return report
    done, could = flops.of_all(report.lengths), None
    if workers == 1:
        rate = matmul_rate(report.device, report.precision, report.threads)
        could = rate * report.seconds
    return replace(report, flops=done, device_flops=could)


def timings(
    key: str,
    seconds: float,
    upstream: "Upstream | None",
    report: ExtractionReport | None,
    request: Request,
) -> pd.DataFrame:
    """Rows of ``timings``: the probes of a cell, and the encoding that it paid for.

    Where everything was stored already there is no row of encoding.

    Args:
        key: the cell's name.
        seconds: that its probes took.
        upstream: None for the floors.
        report: of the extraction; None if the cell did not pay for it.
        request: the run.
    """
    shared = {"cell": key, "precision": upstream.precision if upstream else None}
    probe = {
        **shared,
        "stage": "probe",
        "seconds": seconds,
        "device": request.device,
        "threads": request.threads,
    }
    rows = [probe]
    if report is not None and report.encoded:
        rows.append({**shared, "stage": "encode", **_encoding(report, request)})
    return pd.DataFrame(rows, columns=TABLES["timings"].names)


def _encoding(report: ExtractionReport, request: Request) -> dict[str, Any]:
    """The measures of an extraction that encoded something."""
    seconds, done, could = report.seconds, report.flops, report.device_flops
    return {
        "seconds": seconds,
        "audio_seconds": report.audio_seconds,
        "x_real_time": report.audio_seconds / seconds,
        "flops": done,
        "flops_per_second": None if done is None else done / seconds,
        "share_of_device": None if done is None or could is None else done / could,
        "batches": report.batches,
        "padding_share": report.padding_share,
        "peak_memory_bytes": report.peak_memory_bytes or None,  # 0: the system does not say
        "energy_joules": report.energy_joules,
        "device": with_backend(request.device, report.backend or "torch"),
        "threads": report.threads,
    }
