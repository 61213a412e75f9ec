"""The task card, the harmonised label map, the suite."""

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
Normalisation = Literal["none", "speaker"]
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


class Domain(Part):
    """One side of a transfer pair: corpora, a filter of their rows, and the label map.

    ``map`` sends the corpus's class names to the harmonised ones; a class that is not named is
    left out and counted. Without a map, names are taken as they are. ``scale`` is for numbers: the
    two ends of the corpus's scale, which are mapped linearly to the card's ``low`` and ``high``;
    what is beyond them is left out and counted. Without it numbers are taken as they are.
    ``fixed`` gives the hyper-parameters of probes trained on this domain, where nothing can be
    selected on it.
    """

    corpora: Annotated[tuple[Id, ...], Field(min_length=1), EachOnce]
    label: Text | None = None
    where: Where = Field(default_factory=dict)
    map: dict[str, str] = Field(default_factory=dict)
    scale: tuple[float, float] | None = None
    fixed: Fixed | None = None

    @model_validator(mode="after")
    def _scale_rises(self):
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise WrongKeyError(
                "scale", f"{list(self.scale)!r} is not allowed. Allowed: [low, high], low < high"
            )
        return self


class HarmonisedCard(_Target):
    """A label that several corpora share, and how each corpus's own label maps to it.

    Every ordered pair of its domains is a transfer setting, on the classes both sides have,
    unless ``pairs`` lists the settings that make sense.
    """

    kind: Literal["harmonised"] = "harmonised"
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


class Sample(Part):
    """At most ``clips`` utterances of a corpus, in equal shares of the values of ``by``."""

    clips: Annotated[int, Field(ge=1)]
    by: Annotated[tuple[Text, ...], Field(min_length=1)]
    where: Where = Field(default_factory=dict)


class SuiteCard(Card):
    """A named set of upstreams, tasks and transfer settings that are run together.

    ``sample`` takes a part of a corpus (by its id), drawn with ``seed``; every upstream sees the
    same utterances. ``corpora`` restricts the transfer settings to those between these corpora.
    """

    kind: Literal["suite"] = "suite"
    upstreams: Annotated[tuple[Id, ...], Field(min_length=1), EachOnce]
    tasks: Annotated[tuple[Id, ...], EachOnce] = ()
    transfer: Annotated[tuple[Id, ...], EachOnce] = ()
    recipes: Annotated[tuple[RecipeName, ...], Field(min_length=1), EachOnce] = (
        "paralbench",
        "majority",
        "duration",
    )
    normalisations: Annotated[tuple[Normalisation, ...], Field(min_length=1), EachOnce] = ("none",)
    corpora: Annotated[tuple[Id, ...], EachOnce] = ()
    sample: dict[Id, Sample] = Field(default_factory=dict)
    seed: int = 0

    @model_validator(mode="after")
    def _not_empty(self):
        if not self.tasks and not self.transfer:
            raise WrongKeyError("tasks", "missing; a suite needs 'tasks' or 'transfer'")
        return self
