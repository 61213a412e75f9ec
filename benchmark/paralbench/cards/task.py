"""The task card, the harmonised label map, the suite."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from paralbench.cards.base import Card, Id, Part, Provenance, Text

Protocol = Literal[
    "official",
    "leave-one-speaker-out",
    "leave-one-session-out",
    "leave-one-out",
    "speaker-k-fold",
    "predefined",
]
MetricName = Literal[
    "uar", "wa", "weighted-f1", "macro-f1", "ccc", "pearson", "mae"
]
RecipeName = Literal["paralbench", "layers", "majority", "duration"]
Normalisation = Literal["none", "speaker"]
CLASS_METRICS = ("uar", "wa", "weighted-f1", "macro-f1")
NUMBER_METRICS = ("ccc", "pearson", "mae")


class Split(Part):
    """How utterances are divided into train, development and test.

    ``official`` reads the manifest's ``split`` column. ``leave-one-out`` holds out each value of
    ``column`` in turn. ``speaker-k-fold`` is stratified by class and grouped by speaker.
    ``predefined`` reads utterance lists (``utterance,fold,part``) from ``file``, a CSV beside the
    card. ``leaks`` names what the corpus cannot keep apart; those rows are stamped.
    """

    protocol: Protocol
    column: Text | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    seed: int = 0
    file: Text | None = None
    leaks: tuple[Literal["speaker", "session", "content"], ...] = ()
    leaks_reason: Text | None = None

    @model_validator(mode="after")
    def _complete(self):
        needs = {"leave-one-out": "column", "speaker-k-fold": "folds", "predefined": "file"}
        key = needs.get(self.protocol)
        if key and getattr(self, key) is None:
            raise ValueError(f"split: the protocol {self.protocol!r} needs the key {key!r}")
        if self.leaks and not self.leaks_reason:
            raise ValueError("split: 'leaks' needs 'leaks_reason'")
        return self


class Fixed(Part):
    """Hyper-parameters for a task where nothing can be selected without leakage."""

    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    epochs: Annotated[int, Field(ge=1)]


class _Target(Card):
    label: Text
    target: Literal["classes", "regression"]
    classes: tuple[Text, ...] = ()
    low: float | None = None
    high: float | None = None
    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1)]
    selection: Literal["development", "fixed"] = "development"
    fixed: Fixed | None = None
    confounds: Text | None = None
    provenance: Provenance = "this project"

    @model_validator(mode="after")
    def _target_complete(self):
        if self.target == "classes":
            if len(set(self.classes)) < 2 or len(set(self.classes)) != len(self.classes):
                raise ValueError("classes: at least two distinct class names are needed")
            wrong = [m for m in self.metrics if m not in CLASS_METRICS]
            allowed = CLASS_METRICS
        else:
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError("low, high: a regression target needs both, with low < high")
            wrong = [m for m in self.metrics if m not in NUMBER_METRICS]
            allowed = NUMBER_METRICS
        if wrong:
            raise ValueError(
                f"metrics: {', '.join(wrong)} does not fit target {self.target!r}; "
                f"allowed: {', '.join(allowed)}"
            )
        if (self.selection == "fixed") != (self.fixed is not None):
            raise ValueError("fixed: given exactly when selection is 'fixed'")
        return self


class TaskCard(_Target):
    """Corpus, label, target, split protocol, metrics (the first is primary) and time span."""

    kind: Literal["task"] = "task"
    corpus: Id
    where: dict[str, tuple[str, ...]] = {}  # keeps rows whose column has one of the values
    split: Split
    span: Literal["short", "medium", "long"]


class Domain(Part):
    """One side of a transfer pair: corpora, a filter of their rows, and the label map.

    ``map`` sends the corpus's class names to the harmonised ones; a class that is not named is
    left out and counted. Without a map, names are taken as they are.
    """

    corpora: Annotated[tuple[Id, ...], Field(min_length=1)]
    label: Text | None = None
    where: dict[str, tuple[str, ...]] = {}
    map: dict[str, str] = {}


class HarmonisedCard(_Target):
    """A label that several corpora share, and how each corpus's own label maps to it.

    Every ordered pair of its domains is a transfer setting, on the classes both sides have,
    unless ``pairs`` lists the settings that make sense.
    """

    kind: Literal["harmonised"] = "harmonised"
    domains: Annotated[dict[Id, Domain], Field(min_length=2)]
    pairs: tuple[tuple[Id, Id], ...] = ()

    @model_validator(mode="after")
    def _pairs_known(self):
        for pair in self.pairs:
            for one in pair:
                if one not in self.domains:
                    raise ValueError(
                        f"pairs: {one!r} is no domain; known: {', '.join(self.domains)}"
                    )
            if pair[0] == pair[1]:
                raise ValueError(f"pairs: {pair[0]!r} is paired with itself")
        return self


class Sample(Part):
    """At most ``clips`` utterances of a corpus, in equal shares of the values of ``by``."""

    clips: Annotated[int, Field(ge=1)]
    by: Annotated[tuple[Text, ...], Field(min_length=1)]
    where: dict[str, tuple[str, ...]] = {}


class SuiteCard(Card):
    """A named set of upstreams, tasks and transfer settings that are run together.

    ``sample`` takes a part of a corpus (by its id), drawn with ``seed``; every upstream sees the
    same utterances.
    """

    kind: Literal["suite"] = "suite"
    upstreams: tuple[Id, ...]
    tasks: tuple[Id, ...] = ()
    transfer: tuple[Id, ...] = ()
    recipes: tuple[RecipeName, ...] = ("paralbench", "majority", "duration")
    normalisations: tuple[Normalisation, ...] = ("none",)
    sample: dict[Id, Sample] = {}
    seed: int = 0
