"""The upstream card: which model, where its weights are, what is known of it."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator

from paralbench.cards.base import (
    Card,
    CommitHash,
    EachOnce,
    Id,
    Part,
    Provenance,
    Sha256,
    Text,
    WrongKeyError,
)


class HubFile(Part):
    """One file of a hub's repository."""

    name: Text
    sha256: Sha256 | None = None  # None: none is known


class HubWeights(Part):
    """A repository of a model hub at a pinned commit: a transformers folder, or the files named.

    ``revision`` must be stated: null says that no commit could be looked up. Then the newest is
    fetched, and told; the checksum of what was found is part of the features' key all the same.
    """

    source: Literal["hub"]
    repository: Text
    revision: CommitHash | None
    files: tuple[HubFile, ...] = ()
    sha256: Sha256 | None = None  # of the one file of weights of a transformers folder


class UrlWeights(Part):
    """One file at an address; it is kept under the address's last part.

    ``sha256`` must be stated: null says that none is known.
    """

    source: Literal["url"]
    url: Annotated[str, StringConstraints(pattern=r"^https://")]
    sha256: Sha256 | None


class FolderWeights(Part):
    """A folder on this machine, relative to the card's own folder."""

    source: Literal["folder"]
    path: Text


class PackageFile(Part):
    """One distribution of a package index and the member of it that is wanted."""

    package: Text  # such as "Resemblyzer==0.1.4"
    sha256: Sha256  # of the downloaded distribution
    member: Text  # path inside the archive


class PackageWeights(Part):
    """Weights carried by a package of the package index: read as bytes, never imported."""

    source: Literal["package"]
    files: Annotated[tuple[PackageFile, ...], Field(min_length=1)]
    layout: Literal["plain", "ctranslate2-whisper", "onnxruntime-moonshine"] = "plain"
    note: Text | None = None


class InstalledWeights(Part):
    """A model that is the code of an installed package, such as opensmile."""

    source: Literal["installed"]
    package: Text
    extra: Text


class NoWeights(Part):
    """A signal-processing upstream without weights."""

    source: Literal["none"]


Weights = Annotated[
    HubWeights | UrlWeights | FolderWeights | PackageWeights | InstalledWeights | NoWeights,
    Field(discriminator="source"),
]


class Pretraining(Part):
    """What the model was trained on."""

    corpora: tuple[Text, ...] = ()
    hours: Annotated[float, Field(ge=0)] | None = None
    languages: tuple[Text, ...] = ()


class UpstreamCard(Card):
    """A model that maps waveforms to hidden states, and what is known about it.

    ``layers`` counts hidden states, the input of the first transformer layer included.
    ``architecture`` is what the checkpoint's own configuration says, in its own words, as far as
    features and size depend on it: weights of another architecture are refused, and models with
    random weights are made from it (:mod:`paralbench.upstreams.blueprints`).
    ``contaminated_by`` names corpora that the model saw in training, as corpus ids, whether or not
    there is a card for them.
    """

    kind: Literal["upstream"] = "upstream"
    core: bool = False  # one of the suite's; the others extend it
    family: Text
    variant: Text = "plain"
    weights: Annotated[tuple[Weights, ...], Field(min_length=1)]
    layers: Annotated[int, Field(ge=1)] | None = None
    dim: Annotated[int, Field(ge=1)] | None = None
    frame_rate: Annotated[float, Field(gt=0)] | None = (
        None  # frames per second; None: one vector per utterance
    )
    window: Annotated[float, Field(gt=0)] = 30.0  # seconds that are encoded at once
    parameters: Annotated[int, Field(ge=0)] | None = None
    architecture: dict[str, JsonValue] = Field(default_factory=dict)
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    licence: Text
    licence_limits: Text | None = None
    homepage: Text | None = None
    citation: Text | None = None
    pretraining: Pretraining | None = None
    contaminated_by: Annotated[tuple[Id, ...], EachOnce] = ()
    verified_on_real_weights: bool = False
    provenance: Provenance = "this project"

    @model_validator(mode="after")
    def _one_kind_of_code(self):
        sources = [weights.source for weights in self.weights]
        if len(sources) > 1 and {"none", "installed"} & set(sources):
            raise WrongKeyError(
                "weights",
                f"the sources {', '.join(sources)} are not allowed together; 'none' and "
                "'installed' stand alone",
            )
        return self
