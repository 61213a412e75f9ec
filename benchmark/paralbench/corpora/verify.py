"""Comparing a corpus on disk with its card: counts, durations, rates, duplicates, exclusions."""

import statistics
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from paralbench.audio.duplicates import duplicate_groups
from paralbench.audio.segments import segments_of
from paralbench.cards.corpus import CorpusCard, Expected
from paralbench.corpora.load import read_manifest, without_known_bad
from paralbench.corpora.manifest import Manifest

if TYPE_CHECKING:
    from paralbench.audio.cache import AudioCache

_HOURS_TOLERANCE = 0.01  # relative; hours are often published rounded


@dataclass(frozen=True)
class Report:
    """What ``corpora verify`` found.

    Attributes:
        corpus: the corpus id.
        root: its folder.
        utterances: those that can be used.
        hours: their length; None where no audio was decoded. Then there are no rates, seconds,
            flags and duplicates either.
        speakers: how many speakers they have; None where speakers are unknown.
        classes: label -> class -> utterances, for class labels.
        numbers: label -> count, lowest, mean, highest, for number labels.
        splits: split -> utterances; empty where the owners give none.
        languages: language -> utterances.
        rates: sample rate of the files, in Hz -> utterances.
        seconds: shortest, median and longest utterance.
        flags: flag of the audio audit -> utterances that are kept with it.
        excluded: reason -> what was left out for it, ``[utterance, detail]`` each.
        duplicates: groups of utterances whose decoded audio is the same.
        release: which of the card's releases it is nearest to; None where the card tells of one.
        differences: what is not as the card says, of that release.
    """

    corpus: str
    root: str
    utterances: int
    hours: float | None
    speakers: int | None
    classes: dict[str, dict[str, int]]
    numbers: dict[str, dict[str, float]]
    splits: dict[str, int]
    languages: dict[str, int]
    rates: dict[int, int]
    seconds: dict[str, float]
    flags: dict[str, int]
    excluded: dict[str, list[list[str]]]
    duplicates: list[list[str]]
    release: str | None
    differences: list[str]

    @property
    def as_expected(self) -> bool:
        """Whether everything is as the card says."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, as ``json.dumps`` takes it."""
        return asdict(self)

    def __str__(self) -> str:
        """The report as lines for a terminal."""
        lines = [
            f"{self.corpus}: {self.root}",
            f"utterances   {self.utterances}"
            + ("" if self.hours is None else f", {self.hours:.2f} h")
            + ("" if self.speakers is None else f", {self.speakers} speakers"),
        ]
        lines += [f"{name:<12} {_counts(counts)}" for name, counts in self.classes.items()]
        lines += [
            f"{name:<12} {span['low']:g} to {span['high']:g}, mean {span['mean']:.1f}"
            for name, span in self.numbers.items()
        ]
        for name, counts in (("split", self.splits), ("language", self.languages)):
            if counts and name not in self.classes:
                lines.append(f"{name:<12} {_counts(counts)}")
        if self.hours is None:
            lines.append("audio        not decoded")
        else:
            lines.append(f"rate in Hz   {_counts(self.rates)}")
        if self.seconds:
            lines.append(
                "seconds      {shortest:.2f} to {longest:.2f}, median {median:.2f}".format(
                    **self.seconds
                )
            )
        if self.flags:
            lines.append(f"noted        {_counts(self.flags)}")
        for reason, found in sorted(self.excluded.items()):
            utterance, detail = found[0]
            such = f"{utterance}: {detail}" if detail else utterance
            lines.append(f"left out     {len(found)} {reason}, such as {such}")
        if self.duplicates:
            lines.append(
                f"same audio   {len(self.duplicates)} groups, such as "
                + ", ".join(self.duplicates[0])
            )
        lines += [f"DIFFERENT    {one}" for one in self.differences]
        of = "" if self.release is None else f" of release {self.release}"
        if self.as_expected:
            lines.append(f"as the card says{of}")
        elif self.release is not None:
            lines.append(f"(no release is as the card says; {self.release} is the nearest)")
        return "\n".join(lines)


def verify(card: CorpusCard, root: Path, cache: "AudioCache | None") -> Report:
    """Read a corpus's labels, decode its audio and compare both with the card.

    Counts are compared with what the reader finds, known-bad utterances included, since the card
    states what the owners distribute; everything else is about what can be used.

    Args:
        card: the corpus card.
        root: the corpus's folder.
        cache: where audio is decoded to; None: nothing is decoded, the labels and the names of the
            files are looked at alone.

    Raises:
        UnknownNameError, CardError, CorpusError: see
            :func:`paralbench.corpora.load.load_manifest`.
    """
    whole = read_manifest(card, root)
    manifest = without_known_bad(card, whole)
    excluded: dict[str, list[list[str]]] = {}
    for one in manifest.excluded:
        excluded.setdefault(one.reason, []).append([one.utterance, one.detail])
    if cache is None:
        rows = manifest.frame.to_dict("list")
        return _report(card, whole, rows, excluded, None, {})
    audio = cache.prepare(whole.root, segments_of(whole.frame))
    decoded = audio["reason"].isna()
    usable = decoded & audio["utterance"].isin(manifest.frame["utterance"].tolist())
    good = audio.loc[usable]
    listed = {one.utterance for one in manifest.excluded}
    for one in audio.loc[~decoded].to_dict("records"):
        if one["utterance"] in listed:  # known to be bad, and it is
            continue
        excluded.setdefault(one["reason"], []).append([one["utterance"], _text(one["detail"])])
    seconds = sorted(good["seconds"].tolist())
    heard: dict[str, Any] = {
        "hours": sum(seconds) / 3600,
        "rates": dict(sorted(Counter(map(int, good["original_rate"].tolist())).items())),
        "seconds": dict(zip(("shortest", "median", "longest"), _three(seconds), strict=True))
        if seconds
        else {},
        "flags": _count(_flags(good["flags"].tolist())),
        "duplicates": duplicate_groups(good),
    }
    rows = whole.frame.loc[usable.to_numpy()].to_dict("list")
    hours = sum(audio.loc[decoded, "seconds"].tolist()) / 3600
    return _report(card, whole, rows, excluded, hours, heard)


def _report(
    card: CorpusCard,
    whole: Manifest,
    rows: dict[Any, list[Any]],
    excluded: dict[str, list[list[str]]],
    hours: float | None,
    heard: dict[str, Any],
) -> Report:
    """What the usable rows say, and how the whole differs from the card."""
    kinds = {name: label.kind for name, label in card.labels.items()}
    release, differences = _nearest(card, whole.frame.to_dict("list"), hours)
    nothing = {"hours": None, "rates": {}, "seconds": {}, "flags": {}, "duplicates": []}
    return Report(
        corpus=card.id,
        root=str(whole.root),
        utterances=len(rows["utterance"]),
        speakers=_distinct(rows["speaker"]),
        classes={name: _count(rows[name]) for name, kind in kinds.items() if kind == "class"},
        numbers={
            name: _span(numbers)
            for name, kind in kinds.items()
            if kind == "number" and (numbers := _given(rows[name]))
        },
        splits=_count(rows["split"]),
        languages=_count(rows["language"]),
        excluded=excluded,
        release=release,
        differences=differences,
        **(nothing | heard),
    )


def _nearest(
    card: CorpusCard, found: dict[Any, list[Any]], hours: float | None
) -> tuple[str | None, list[str]]:
    """The release with the fewest differences, of several the first, and these differences."""
    if not card.releases:
        return None, _differences(card.expected, found, hours)
    each = {name: _differences(one, found, hours) for name, one in card.releases.items()}
    name = min(each, key=lambda name: len(each[name]))
    return name, each[name]


def _differences(expected: Expected, found: dict[Any, list[Any]], hours: float | None) -> list[str]:
    pairs: list[tuple[str, int | None, int | None]] = [
        ("utterances", expected.utterances, len(found["utterance"])),
        ("speakers", expected.speakers, _distinct(found["speaker"])),
        ("sessions", expected.sessions, _distinct(found["session"])),
    ]
    splits = _count(found["split"])
    pairs += [
        (f"split {name}", count, splits.get(name, 0)) for name, count in expected.splits.items()
    ]
    pairs += _class_pairs("", expected.classes, found)
    for split, classes in expected.split_classes.items():
        inside = [one == split for one in found["split"]]
        part = {name: list(compress(values, inside)) for name, values in found.items()}
        pairs += _class_pairs(f"{split}, ", classes, part)
    differences = [
        f"{what}: {there or 'none'} here, {stated} in the card"
        for what, stated, there in pairs
        if stated is not None and stated != there
    ]
    if (
        hours is not None
        and expected.hours is not None
        and abs(hours - expected.hours) > max(_HOURS_TOLERANCE * expected.hours, 0.005)
    ):
        differences.append(f"hours: {hours:.2f} here, {expected.hours:.2f} in the card")
    return differences


def _class_pairs(
    where: str, classes: dict[str, dict[str, int]], found: dict[Any, list[Any]]
) -> list[tuple[str, int | None, int | None]]:
    pairs: list[tuple[str, int | None, int | None]] = []
    for label, counts in classes.items():
        there = _count(found[label])
        pairs += [
            (f"{where}{label} {value!r}", counts.get(value, 0), there.get(value, 0))
            for value in sorted({*counts, *there})
        ]
    return pairs


def _flags(texts: list[Any]) -> list[str]:
    """The single flags; duplicates are told by group."""
    return [
        flag for text in texts for flag in _text(text).split(",") if flag != "duplicate-content"
    ]


def _given(values: list[Any]) -> list[Any]:
    return [value for value in values if not pd.isna(value)]


def _count(values: list[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in _given(values) if value != "").items()))


def _distinct(values: list[Any]) -> int | None:
    return len(set(_given(values))) or None


def _three(ordered: list[float]) -> tuple[float, float, float]:
    return ordered[0], statistics.median(ordered), ordered[-1]


def _span(numbers: list[float]) -> dict[str, float]:
    return {
        "count": len(numbers),
        "low": min(numbers),
        "mean": statistics.fmean(numbers),
        "high": max(numbers),
    }


def _counts(counts: dict[Any, int]) -> str:
    return ", ".join(f"{value} {n}" for value, n in counts.items()) or "none"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
