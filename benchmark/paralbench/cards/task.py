"""The task card, the harmonised label map, the suite."""

from itertools import combinations
from math import inf
from typing import Annotated, Literal

from pydantic import Field, model_validator

from paralbench.cards.base import Card, EachOnce, Id, Part, Provenance, Text, WrongKeyError

Protocol = Literal[
    "official",
    "leave-one-speaker-out",
    "leave-one-session-out",
    "leave-one-out",
    "speaker-k-fold",
    "predefined",
]
MetricName = Literal["uar", "wa", "weighted-f1", "macro-f1", "positive-f1", "ccc", "pearson", "mae"]
RecipeName = Literal[
    "paralbench",
    "layers",
    "superb",
    "mlp",
    "ridge",
    "lda",
    "svm",
    "logistic",
    "knn",
    "few-shot-1",
    "few-shot-4",
    "few-shot-16",
    "emobox",
    "attentive",
    "majority",
    "duration",
]
# "corpus" and "coral" are of transfer settings, see transfer/adaptation.py.
Normalisation = Literal["none", "speaker", "corpus", "coral"]
ProtocolName = Literal["pair", "leave-one-corpus-out", "pooled", "growth", "ceiling"]
Where = dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]]
CLASS_METRICS = ("uar", "wa", "weighted-f1", "macro-f1", "positive-f1")
NUMBER_METRICS = ("ccc", "pearson", "mae")


class Split(Part):
    """How utterances are divided into train, development and test.

    ``official`` reads the manifest's ``split`` column; with ``test: development`` its development
    part is the test set where no test utterance carries the label, as its owners keep it: then
    nothing else is left for development, which is drawn from train. ``leave-one-out`` holds out
    each value of ``column`` in turn. ``speaker-k-fold`` is stratified by class and grouped by
    speaker. ``predefined`` reads utterance lists (``utterance,fold,part``) from ``file``, a CSV
    beside the card. ``leaks`` names what the corpus cannot keep apart; those rows are stamped.
    """

    protocol: Protocol
    column: Text | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    seed: int = 0
    file: Text | None = None
    test: Literal["test", "development"] = "test"
    leaks: Annotated[
        tuple[Literal["speaker", "session", "content", "transcript"], ...], EachOnce
    ] = ()
    leaks_reason: Text | None = None

    @model_validator(mode="after")
    def _complete(self):
        needs = {"leave-one-out": "column", "speaker-k-fold": "folds", "predefined": "file"}
        for protocol, key in needs.items():
            given = getattr(self, key)
            if protocol == self.protocol and given is None:
                raise WrongKeyError(key, f"missing; the protocol {protocol!r} needs it")
            if protocol != self.protocol and given is not None:
                raise WrongKeyError(
                    key,
                    f"{given!r} is not allowed with the protocol {self.protocol!r}; only "
                    f"{protocol!r} has this key",
                )
        if self.test != "test" and self.protocol != "official":
            raise WrongKeyError("test", "only the protocol 'official' has this key")
        if bool(self.leaks) != (self.leaks_reason is not None):
            raise WrongKeyError("leaks_reason", "given exactly when 'leaks' is")
        return self


class Fixed(Part):
    """Hyper-parameters for a task where nothing can be selected without leakage."""

    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    epochs: Annotated[int, Field(ge=1)]


class _Target(Card):
    label: Text
    target: Literal["classes", "regression"]
    classes: Annotated[tuple[Text, ...], EachOnce] = ()
    low: float | None = None
    high: float | None = None
    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1), EachOnce]
    selection: Literal["development", "fixed"] = "development"
    fixed: Fixed | None = None
    confounds: Text | None = None
    provenance: Provenance = "this project"

    @model_validator(mode="after")
    def _target_complete(self):
        if self.target == "classes":
            allowed = CLASS_METRICS
            if len(self.classes) < 2:
                raise WrongKeyError(
                    "classes", f"{list(self.classes)!r} is not allowed. Allowed: at least two names"
                )
            if self.low is not None or self.high is not None:
                raise WrongKeyError("low, high", "only a target 'regression' has these keys")
        else:
            allowed = NUMBER_METRICS
            if self.low is None or self.high is None or not self.low < self.high:
                raise WrongKeyError(
                    "low, high",
                    f"{self.low!r} and {self.high!r} are not allowed. Allowed for a target "
                    "'regression': two numbers, low < high",
                )
            if self.classes:
                raise WrongKeyError("classes", "only a target 'classes' has this key")
        wrong = [metric for metric in self.metrics if metric not in allowed]
        if wrong:
            raise WrongKeyError(
                "metrics",
                f"{', '.join(wrong)} does not fit target {self.target!r}. Allowed: "
                f"{', '.join(allowed)}",
            )
        if "positive-f1" in self.metrics and len(self.classes) != 2:
            raise WrongKeyError(
                "metrics",
                "positive-f1 is not allowed. Allowed: only with two classes, the positive one last",
            )
        if (self.selection == "fixed") != (self.fixed is not None):
            raise WrongKeyError("fixed", "given exactly when 'selection' is 'fixed'")
        return self


class TaskCard(_Target):
    """Corpus, label, target, split protocol, metrics (the first is primary) and time span.

    With ``unit: session`` the statistics of a session's utterances are merged, weighted by their
    frames, before the probe sees them: one example and one prediction per session.
    """

    kind: Literal["task"] = "task"
    core: bool = False  # one of the suite's; the others extend it
    corpus: Id
    where: Where = Field(default_factory=dict)  # keeps rows whose column has one of the values
    split: Split
    unit: Literal["utterance", "session"] = "utterance"
    span: Literal["short", "medium", "long"]


# From a number, included, to a number, not included; null: no bound.
Bounds = tuple[float | None, float | None]


class Domain(Part):
    """One side of a transfer pair: corpora, a filter of their rows, and the label map.

    ``map`` sends the corpus's class names to the harmonised ones; a class that is not named is
    left out and counted. Without a map, names are taken as they are. ``regions`` makes classes of
    numbers: for each harmonised class the bounds of one or more number labels, such as
    ``{arousal: [4, null], valence: [null, 4]}``; what is in no region is left out and counted.
    ``scale`` is for numbers: the two ends of the corpus's scale, which are mapped linearly to the
    card's ``low`` and ``high``; what is beyond them is left out and counted. Without it numbers are
    taken as they are. ``values`` makes numbers of classes: what each class counts for on the card's
    scale. ``fixed`` gives the hyper-parameters of probes trained on this domain, where nothing can
    be selected on it. ``no_ceiling`` says why its speakers cannot be divided into some to train on
    and others to test.
    """

    corpora: Annotated[tuple[Id, ...], Field(min_length=1), EachOnce]
    label: Text | None = None
    where: Where = Field(default_factory=dict)
    map: dict[str, str] = Field(default_factory=dict)
    regions: dict[Text, Annotated[dict[Text, Bounds], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    scale: tuple[float, float] | None = None
    values: dict[str, float] = Field(default_factory=dict)
    fixed: Fixed | None = None
    no_ceiling: Text | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The number labels that the regions are made of, each once."""
        return tuple(dict.fromkeys(name for box in self.regions.values() for name in box))

    @model_validator(mode="after")
    def _one_way(self):
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise WrongKeyError(
                "scale", f"{list(self.scale)!r} is not allowed. Allowed: [low, high], low < high"
            )
        ways = {"map": self.map, "regions": self.regions, "values": self.values}
        given = [name for name, way in {**ways, "scale": self.scale}.items() if way]
        if len(given) > 1:
            raise WrongKeyError(
                given[-1], f"{' and '.join(given)} are not allowed together; a label has one map"
            )
        if self.regions and self.label is not None:
            raise WrongKeyError("label", "not allowed with 'regions', which name their labels")
        self._boxes_apart()
        return self

    def _boxes_apart(self) -> None:
        for name, box in self.regions.items():
            for column, (low, high) in box.items():
                if (low is None and high is None) or not _end(low, -1) < _end(high, 1):
                    raise WrongKeyError(
                        f"regions.{name}.{column}",
                        f"{[low, high]!r} is not allowed. Allowed: [low, high], low < high, one of "
                        "them null at most",
                    )
        for (one, box), (other, beside) in combinations(self.regions.items(), 2):
            if not any(_apart(box[column], beside[column]) for column in box if column in beside):
                raise WrongKeyError("regions", f"{one!r} and {other!r} overlap")


def _end(bound: float | None, sign: int) -> float:
    return sign * inf if bound is None else bound


def _apart(one: Bounds, other: Bounds) -> bool:
    return _end(one[1], 1) <= _end(other[0], -1) or _end(other[1], 1) <= _end(one[0], -1)


class HarmonisedCard(_Target):
    """A label that several corpora share, and how each corpus's own label maps to it.

    Every ordered pair of its domains is a transfer setting, on the classes both sides have,
    unless ``pairs`` lists the settings that make sense. ``source`` is whose map it is; without one
    it is this project's choice, which ``note`` explains. ``unit`` is as on a task card.
    """

    kind: Literal["harmonised"] = "harmonised"
    source: Text | None = None
    unit: Literal["utterance", "session"] = "utterance"
    domains: Annotated[dict[Id, Domain], Field(min_length=2)]
    pairs: Annotated[tuple[tuple[Id, Id], ...], EachOnce] = ()

    @model_validator(mode="after")
    def _pairs_known(self):
        for number, pair in enumerate(self.pairs):
            for one in pair:
                if one not in self.domains:
                    raise WrongKeyError(
                        f"pairs.{number}",
                        f"{one!r} is not allowed. Allowed: {', '.join(self.domains)}",
                    )
            if pair[0] == pair[1]:
                raise WrongKeyError(f"pairs.{number}", f"{pair[0]!r} is paired with itself")
        return self

    @model_validator(mode="after")
    def _fits_slots(self):
        # Tables join training domains by '+' and list classes behind them, as in a+b[anger,fear].
        for name in self.domains:
            if "+" in name:
                raise WrongKeyError("domains", f"{name!r} is not allowed: a '+' joins domains")
        for name in self.classes:
            if set(name) & set("|[],"):
                raise WrongKeyError("classes", f"{name!r} is not allowed: it holds one of | [ ] ,")
        return self


class Sample(Part):
    """At most ``clips`` utterances of a corpus, in equal shares of the values of ``by``."""

    clips: Annotated[int, Field(ge=1)]
    by: Annotated[tuple[Text, ...], Field(min_length=1)]
    where: Where = Field(default_factory=dict)


class SuiteCard(Card):
    """A named set of upstreams, tasks and transfer settings that are run together.

    ``sample`` takes a part of a corpus (by its id), drawn with ``seed``; every upstream sees the
    same utterances. ``corpora`` restricts the transfer settings to those between these corpora;
    ``protocols`` says which settings, see :mod:`paralbench.transfer.protocols`.
    """

    kind: Literal["suite"] = "suite"
    upstreams: Annotated[tuple[Id, ...], Field(min_length=1), EachOnce]
    tasks: Annotated[tuple[Id, ...], EachOnce] = ()
    transfer: Annotated[tuple[Id, ...], EachOnce] = ()
    protocols: Annotated[tuple[ProtocolName, ...], Field(min_length=1), EachOnce] = ("pair",)
    recipes: Annotated[tuple[RecipeName, ...], Field(min_length=1), EachOnce] = (
        "paralbench",
        "majority",
        "duration",
    )
    normalisations: Annotated[tuple[Normalisation, ...], Field(min_length=1), EachOnce] = ("none",)
    corpora: Annotated[tuple[Id, ...], EachOnce] = ()
    sample: dict[Id, Sample] = Field(default_factory=dict)
    train_shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], EachOnce] = ()
    seed: int = 0

    @model_validator(mode="after")
    def _not_empty(self):
        if not self.tasks and not self.transfer:
            raise WrongKeyError("tasks", "missing; a suite needs 'tasks' or 'transfer'")
        return self
