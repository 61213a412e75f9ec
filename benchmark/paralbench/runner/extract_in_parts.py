"""An extraction, cut into parts for an executor, and its parts' reports put together."""

import time
from collections.abc import Mapping
from contextlib import closing

from paralbench.errors import Fault
from paralbench.features.batching import BUDGETS
from paralbench.features.extract import ExtractionReport
from paralbench.features.store import FeatureSpace
from paralbench.runner.executors.work import Executor, Place
from paralbench.runner.extraction import (
    Encoded,
    Extraction,
    Report,
    Shard,
    Sizing,
    whole_report,
)
from paralbench.runner.progress import Progress


def extract_in_parts(
    work: Extraction,
    space: FeatureSpace,
    lengths: Mapping[str, int],
    executor: Executor,
    place: Place,
    progress: Progress,
) -> ExtractionReport | Fault | None:
    """Store what lacks of an upstream's features.

    Args:
        work: the extraction.
        space: of the features.
        lengths: samples of each utterance that is to have features, by content.
        executor: does the parts.
        place: how many it does at once; one gets all in one part.
        progress: told of how far all parts are.

    Returns:
        None if nothing lacks; a fault if a part had one, and then what was encoded is kept.
    """
    missing = work.missing(space, lengths)
    if not missing:
        return None
    started = time.perf_counter()
    if place.slots == 1:
        shards = work.in_one(missing, lengths)
    else:
        budget = _budget(work, missing, lengths, executor)
        if isinstance(budget, Fault):
            return budget
        shards = work.planned(space, missing, lengths, place.most_parts, budget)
        work.upstream.unload()  # those who do the parts load their own
    found = _run(work, shards, executor, progress)
    if isinstance(found, Fault):
        return found
    return whole_report(found, space, time.perf_counter() - started)


def _budget(
    work: Extraction, missing: list[str], lengths: Mapping[str, int], executor: Executor
) -> int | Fault:
    """Samples of a batch on the device that the parts have."""
    if work.device != "cuda":
        return BUDGETS[work.device]
    sizing = Sizing(work.upstream, work.device, work.threads, work.second_moments, lengths)
    ((_, budget),) = executor.run(sizing, [tuple(missing)], lambda *_: None)
    return budget


def _run(
    work: Extraction, shards: list[Shard], executor: Executor, progress: Progress
) -> list[Report] | Fault:
    """What came of the parts, or the first fault, with which the others are dropped."""
    id = work.upstream.card.id
    totals, done = [shard.seconds for shard in shards], [0.0 for _ in shards]

    def told(index: int, event: Encoded | str) -> None:
        if isinstance(event, str):
            progress.line(f"{id}: {event}")
            return
        done[index], totals[index] = event.done, event.total
        progress.work(f"{id}: encoding", sum(done), sum(totals), "s of audio")

    reports = []
    with closing(executor.run(work, shards, told)) as results:
        for _, found in results:
            if isinstance(found, Fault):
                return found
            reports.append(found)
    return reports
