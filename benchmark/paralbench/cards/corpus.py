"""The corpus card: access, licence, where it comes from, how it is read, what is expected."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from paralbench.cards.base import Card, EachOnce, Part, Sha256, Text, WrongKeyError


class PypiSource(Part):
    """A member of a source distribution on the package index."""

    source: Literal["pypi"]
    package: Text  # "nkululeko==1.14.1"
    sha256: Sha256
    members: Annotated[tuple[Text, ...], Field(min_length=1)]  # inner archives are unpacked


class DebianPackage(Part):
    """One Debian package, pinned."""

    package: Text
    version: Text
    sha256: Sha256


class DebianSource(Part):
    """Folders of Debian packages, unpacked without installing them."""

    source: Literal["debian"]
    packages: Annotated[tuple[DebianPackage, ...], Field(min_length=1)]
    folder: Text  # inside the unpacked packages


class UrlFile(Part):
    """One file to download; a known archive suffix is unpacked."""

    url: Text
    sha256: Sha256


class UrlSource(Part):
    """Files from the owners' own address."""

    source: Literal["url"]
    files: Annotated[tuple[UrlFile, ...], Field(min_length=1)]
    folder: Text = "."


class ManualSource(Part):
    """A corpus that has to be asked for: what to sign and where to put it."""

    source: Literal["manual"]
    steps: Annotated[tuple[Text, ...], Field(min_length=1)]


Source = Annotated[
    PypiSource | DebianSource | UrlSource | ManualSource, Field(discriminator="source")
]


class Reader(Part):
    """Which reader, and its settings (the generic readers have some; see ``corpora/readers``)."""

    name: Text
    options: dict[str, object] = Field(default_factory=dict)


class Label(Part):
    """One label set a corpus carries."""

    kind: Literal["class", "number"]
    values: Annotated[tuple[Text, ...], EachOnce] = ()  # the class names
    low: float | None = None
    high: float | None = None
    unit: Text | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self):
        if self.kind == "class":
            if not self.values:
                raise WrongKeyError("values", "missing; a label of kind 'class' needs its names")
            if (self.low, self.high, self.unit) != (None, None, None):
                raise WrongKeyError("low, high, unit", "only a label of kind 'number' has these")
        elif self.values:
            raise WrongKeyError("values", "only a label of kind 'class' has this key")
        elif self.low is not None and self.high is not None and not self.low < self.high:
            raise WrongKeyError(
                "low, high", f"{self.low!r} and {self.high!r} are not allowed. Allowed: low < high"
            )
        return self


Count = Annotated[int, Field(ge=0)]


class Expected(Part):
    """What a whole release holds, for ``corpora verify``; only what its owners or a count say."""

    utterances: Annotated[int, Field(ge=1)] | None = None
    hours: Annotated[float, Field(gt=0)] | None = None
    speakers: Annotated[int, Field(ge=1)] | None = None
    sessions: Annotated[int, Field(ge=1)] | None = None
    # label -> class -> utterances
    classes: dict[str, dict[str, Count]] = Field(default_factory=dict)
    splits: dict[Literal["train", "development", "test"], Count] = Field(default_factory=dict)
    # split -> label -> class -> utterances
    split_classes: dict[Literal["train", "development", "test"], dict[str, dict[str, Count]]] = (
        Field(default_factory=dict)
    )


class KnownBad(Part):
    """A file that is known to be bad, and why."""

    utterance: Text
    reason: Text


class InlineTask(Part):
    """A task declared on the corpus card itself, under the id ``CORPUS-LABEL``."""

    label: Text
    split: Literal[
        "official", "leave-one-speaker-out", "leave-one-session-out", "speaker-k-fold"
    ] = "leave-one-speaker-out"


class CorpusCard(Card):
    """A corpus as its owners distribute it.

    ``folders`` are the names that the corpus's folder usually has, beside its id. ``expected`` is
    what the one release holds; where there are several that look different, ``releases`` says it
    for each, by its name, and ``corpora verify`` tells which one it sees.
    """

    kind: Literal["corpus"] = "corpus"
    release: Text | None = None
    access: Literal["open", "form", "agreement", "paid"]
    licence: Text
    homepage: Text | None = None
    citation: Text | None = None
    sources: tuple[Source, ...] = ()
    folders: Annotated[tuple[Text, ...], EachOnce] = ()
    root: Text | None = None  # relative to the card's folder; for a user's own corpus
    reader: Reader
    languages: tuple[Text, ...] = ()
    labels: Annotated[dict[str, Label], Field(min_length=1)]
    speakers: Literal["known", "unknown"]
    resample: Literal["speaker", "session", "utterance"] = "speaker"
    expected: Expected = Field(default_factory=Expected)
    releases: dict[Text, Expected] = Field(default_factory=dict)
    known_bad: tuple[KnownBad, ...] = ()
    traps: tuple[Text, ...] = ()
    tasks: tuple[InlineTask, ...] = ()

    @model_validator(mode="after")
    def _names_its_labels(self):
        named = {"expected": self.expected}
        named |= {f"releases.{name}": one for name, one in self.releases.items()}
        for key, one in named.items():
            self._counts(f"{key}.classes", one.classes)
            for split, classes in one.split_classes.items():
                self._counts(f"{key}.split_classes.{split}", classes)
        for number, task in enumerate(self.tasks):
            self._label(f"tasks.{number}.label", task.label)
        return self

    def _counts(self, key: str, counts: dict[str, dict[str, int]]) -> None:
        for label, classes in counts.items():
            self._label(key, label)
            for name in classes:
                if name not in self.labels[label].values:
                    raise WrongKeyError(
                        f"{key}.{label}",
                        f"{name!r} is not allowed. Allowed: "
                        f"{', '.join(self.labels[label].values) or 'none; this label is a number'}",
                    )

    def _label(self, key: str, label: str) -> None:
        if label not in self.labels:
            raise WrongKeyError(key, f"{label!r} is not allowed. Allowed: {', '.join(self.labels)}")
