"""Batch plans that were begun, kept in the space so that what is resumed is equal to the bit.

In a batch, features agree with those of any other batch to 1e-5, not to the bit: a matrix product
rounds by its shape. So a plan is written down before its first batch is run. Utterances that are
missing later (after a kill, in a second process, where a shard was damaged) are encoded again in
the batches they were planned in; whole batches that are stored are skipped. Only utterances that
no plan holds get a new one, so a request that overlaps an earlier one encodes only what is new.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paralbench.features.batching import Batch, Limits, plan_batches
from paralbench.features.collecting import TOO_SHORT
from paralbench.features.keys import canonical, content_of, encoder_key
from paralbench.features.windows import windows
from paralbench.storage.atomic import clean_leftovers, write_file

if TYPE_CHECKING:
    from paralbench.audio.cache import AudioCache
    from paralbench.features.store import FeatureSpace


def plan_in(
    space: "FeatureSpace",
    missing: Sequence[str],
    budget: int,
    limits: Limits,
    cache: "AudioCache",
    known: Mapping[str, int],
) -> list[Batch]:
    """The batches in which missing utterances of a space are encoded; see :func:`resume_or_plan`.

    Utterances that are too short for the encoder are recorded as excluded.

    Args:
        space: of the features.
        missing: contents to encode, each once.
        budget: samples of a batch.
        limits: of the encoder.
        cache: the decoded audio.
        known: samples of contents, as far as they are known; others are read from the cache.
    """

    def lengths(contents: Sequence[str]) -> dict[str, int]:
        found = {
            content: int(known[content]) if content in known else len(cache.waveform(content))
            for content in contents
        }
        short = [
            content
            for content, samples in found.items()
            if not windows(samples, limits.window_samples, limits.min_samples)
        ]
        space.exclude(dict.fromkeys(short, TOO_SHORT))
        return {content: found[content] for content in found.keys() - set(short)}

    return resume_or_plan(space.plans, missing, lengths, budget, limits)


def resume_or_plan(
    folder: Path,
    missing: Sequence[str],
    lengths: Callable[[Sequence[str]], Mapping[str, int]],
    budget: int,
    limits: Limits,
) -> list[Batch]:
    """The batches in which the missing utterances are encoded.

    Two processes that begin the same request at once get the same batches: a plan's file is named
    by its content, and is there before the first features are. ``missing`` must have been found
    before this is called.

    Args:
        folder: of the space's plans.
        missing: contents to encode, each once.
        lengths: gives the samples of contents; asked only for those that no plan holds. Those it
            leaves out are not planned.
        budget: samples of a batch. Plans of another budget are not taken up: it may have been
            lowered because they did not fit into memory.
        limits: of the encoder.

    Returns:
        Batches, each with at least one missing utterance, and every window of these.
    """
    clean_leftovers(folder)
    wanted = set(missing)
    batches: list[Batch] = []
    for planned in _begun(folder, {"budget": budget, "limits": asdict(limits)}):
        mine = wanted.intersection(planned)
        if mine:
            batches += _holding(mine, plan_batches(planned, budget, limits))
            wanted -= mine
    unplanned = [content for content in missing if content in wanted]
    fresh = dict(lengths(unplanned)) if unplanned else {}
    if fresh:
        plan = {"budget": budget, "limits": asdict(limits), "lengths": fresh}
        write_file(folder, f"{encoder_key(plan)}.json", canonical(plan).encode("ascii"))
        batches += plan_batches(fresh, budget, limits)
    return batches


def begun(folder: Path, contents: Iterable[str], budget: int, limits: Limits) -> bool:
    """Whether a plan of this budget and these limits holds one of the contents."""
    wanted = set(contents)
    plans = _begun(folder, {"budget": budget, "limits": asdict(limits)})
    return any(not wanted.isdisjoint(plan) for plan in plans)


def _holding(contents: set[str], batches: Iterable[Batch]) -> list[Batch]:
    return [batch for batch in batches if not contents.isdisjoint(piece.content for piece in batch)]


def _begun(folder: Path, setting: Mapping[str, Any]) -> list[dict[str, int]]:
    """The lengths by content of each plan with this budget and limits."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            plan = content_of(path.read_bytes(), path.stem)
        except OSError:
            plan = None
        if plan is None:
            continue  # without it the utterances get a new plan, which costs only the last bits
        if all(plan.get(name) == value for name, value in setting.items()):
            found.append(plan["lengths"])
    return found
