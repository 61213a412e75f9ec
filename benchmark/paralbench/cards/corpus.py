"""The corpus card: access, licence, where it comes from, how it is read, what is expected."""

from typing import Annotated, Literal

from pydantic import Field

from paralbench.cards.base import Card, Part, Sha256, Text


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
    options: dict[str, object] = {}


class Label(Part):
    """One label set a corpus carries."""

    kind: Literal["class", "number"]
    values: tuple[Text, ...] = ()  # the class names
    low: float | None = None
    high: float | None = None
    unit: Text | None = None


class Expected(Part):
    """What the whole release holds, for ``corpora verify``."""

    utterances: int | None = None
    hours: float | None = None
    speakers: int | None = None
    classes: dict[str, dict[str, int]] = {}  # label -> class -> utterances


class KnownBad(Part):
    """A file that is known to be bad, and why."""

    utterance: Text
    reason: Text


class InlineTask(Part):
    """A task declared on the corpus card itself, under the id ``CORPUS-LABEL``."""

    label: Text
    split: Text = "leave-one-speaker-out"


class CorpusCard(Card):
    """A corpus as its owners distribute it."""

    kind: Literal["corpus"] = "corpus"
    release: Text | None = None
    access: Literal["open", "form", "agreement", "paid"]
    licence: Text
    homepage: Text | None = None
    citation: Text | None = None
    sources: tuple[Source, ...] = ()
    root: Text | None = None  # relative to the card's folder; for a user's own corpus
    reader: Reader
    languages: tuple[Text, ...] = ()
    labels: Annotated[dict[str, Label], Field(min_length=1)]
    speakers: Literal["known", "unknown"]
    resample: Literal["speaker", "session", "utterance"] = "speaker"
    expected: Expected = Expected()
    known_bad: tuple[KnownBad, ...] = ()
    traps: tuple[Text, ...] = ()
    tasks: tuple[InlineTask, ...] = ()
