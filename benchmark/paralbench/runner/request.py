"""What a user asks for: upstreams, tasks, transfer settings, recipes, and how to run them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from paralbench.cards import Catalogue, SuiteCard
from paralbench.cards.task import Sample
from paralbench.errors import ParalbenchError
from paralbench.features.compiling import CHOICES
from paralbench.features.precision import PRECISIONS
from paralbench.transfer.protocols import PROTOCOLS
from paralbench.upstreams.base import BACKENDS

DEVICES = ("auto", "cpu", "cuda", "mps")
EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Request:
    """A run, as asked for.

    Attributes:
        upstreams, tasks, transfer, recipes, normalisations: card ids and names.
        protocols: the transfer settings of each map, see :mod:`paralbench.transfer.protocols`.
        suite: the suite's id, for the tables.
        corpora: transfer is restricted to settings between these corpora; empty: all.
        roots: corpus id to folder.
        weights: upstream id to a folder with its checkpoint.
        samples: corpus id to the part of it that is used.
        limit: at most this many utterances of each corpus; None takes all.
        seed: seed of samples, splits and resamples; probes have the seeds 0 to ``seeds - 1``.
        seeds: how many probe seeds; None takes the recipe's.
        device, precision: where and how upstreams are run; precision is part of what they give.
        backend: what computes them, where it can; features agree to 1e-5.
        compile: whether torch compiles their blocks; ``auto``: on a GPU that has long to work.
        allow_leakage: run leaking splits and stamp their rows, instead of refusing.
        partial: whether corpora may lack audio, or hold rows that are not understood: these are
            excluded and recorded instead of refused.
        train_shares: shares of the training speakers that probes are trained on beside all of
            them, for learning curves.
        frames_layer: the layer whose frames are stored for recipes that read frames; -1 is the
            last.
        fetch: whether weights that are not here may be downloaded.
        executor: where the work is done: ``local``, on this machine; ``ray``, on a Ray cluster.
        devices: one process for each of these, instead of this one; locally.
        address: of the Ray cluster; None starts one on this machine.
        store: an address that fsspec opens, by which nodes exchange features, audio and weights;
            None: they share PARALBENCH_HOME and the run folder.
    """

    upstreams: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ("paralbench", "majority", "duration")
    normalisations: tuple[str, ...] = ("none",)
    protocols: tuple[str, ...] = ("pair",)
    suite: str | None = None
    corpora: tuple[str, ...] = ()
    roots: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, Path] = field(default_factory=dict)
    samples: Mapping[str, Sample] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    seeds: int | None = None
    device: str = "auto"
    precision: str = "auto"
    backend: str = "torch"
    compile: str = "auto"
    threads: int | None = None
    allow_leakage: bool = False
    partial: bool = False
    train_shares: tuple[float, ...] = ()
    frames_layer: int = -1
    fetch: bool = True
    executor: str = "local"
    devices: tuple[str, ...] = ()
    address: str | None = None
    store: str | None = None

    def __post_init__(self):
        _one_of("executor", self.executor, EXECUTORS)
        if self.executor == "ray" and self.devices:
            raise ParalbenchError(
                f"devices: {', '.join(self.devices)} with the executor 'ray', which finds the "
                "cluster's own; give a kind by device, or leave out the executor."
            )
        if self.executor != "ray" and self.address is not None:
            raise ParalbenchError(f"address: {self.address!r} is for the executor 'ray'.")
        if self.executor != "ray" and self.store is not None:
            raise ParalbenchError(
                "store: an address is for the executor 'ray'. On one machine features are kept "
                "under PARALBENCH_HOME; `paralbench store push` and `pull` give and take them."
            )
        _one_of("precision", self.precision, ("auto", *PRECISIONS))
        _one_of("backend", self.backend, BACKENDS)
        _one_of("compile", self.compile, CHOICES)
        for protocol in self.protocols:
            _one_of("protocols", protocol, PROTOCOLS)
        for device in (self.device, *self.devices):
            if device.split(":")[0] not in DEVICES:
                _one_of("device", device, DEVICES)
        if self.limit is not None and self.limit < 2:
            raise ParalbenchError(f"limit: {self.limit} is too few; give at least 2.")
        if wrong := [share for share in self.train_shares if not 0 < share <= 1]:
            raise ParalbenchError(
                f"train shares: {wrong[0]:g} is not allowed; give numbers above 0, up to 1."
            )
        if self.seeds is not None and self.seeds < 1:
            raise ParalbenchError(f"seeds: {self.seeds} is not allowed; give at least 1.")


def from_suite(catalogue: Catalogue, suite: str, **overrides) -> Request:
    """A suite's request; overrides that are None or empty leave the suite's own value.

    Raises:
        UnknownNameError: no such suite.
    """
    card: SuiteCard = catalogue.suites.get(suite)
    request = Request(
        upstreams=card.upstreams,
        tasks=card.tasks,
        transfer=card.transfer,
        protocols=card.protocols,
        recipes=card.recipes,
        normalisations=card.normalisations,
        suite=suite,
        corpora=card.corpora,
        samples=card.sample,
        train_shares=card.train_shares,
        seed=card.seed,
    )
    given = {key: value for key, value in overrides.items() if value not in (None, (), {})}
    return replace(request, **given)


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ParalbenchError(f"{key}: {value!r} is not allowed. Allowed: {', '.join(allowed)}.")
