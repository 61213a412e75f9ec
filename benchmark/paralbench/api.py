"""The Python interface, of which the command line is a thin skin."""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paralbench.cards import Catalogue, UpstreamCard, load_catalogue
from paralbench.errors import AudioError, ParalbenchError
from paralbench.runner.data import Corpora
from paralbench.runner.device import choose_backend, choose_device, choose_precision
from paralbench.runner.execute import execute
from paralbench.runner.progress import Progress, Quiet
from paralbench.runner.request import Request
from paralbench.runner.upstream import Upstream, extract_with
from paralbench.tables import TABLES, RunFolder
from paralbench.tables.frames import records, rows

if TYPE_CHECKING:
    import torch

    from paralbench.report.leaderboard import Leaderboard

    Module = torch.nn.Module | Callable[..., Any]
else:
    Module = Any


@dataclass(frozen=True)
class Results:
    """The tables of a run, as data frames; columns as declared in ``paralbench.tables.schema``.

    Attributes:
        tables: every table by name; also as attributes (``results.scores`` ...).
        board: the leaderboard, see :class:`paralbench.report.leaderboard.Leaderboard`.
    """

    tables: dict[str, pd.DataFrame]
    board: "Leaderboard"

    def __getattr__(self, name: str) -> pd.DataFrame:
        try:
            return self.__dict__["tables"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def leaderboard(self) -> pd.DataFrame:
        """Primary scores with their intervals, one row per upstream and task."""
        return self.board.frame()


@dataclass(frozen=True)
class Features:
    """Pooled features.

    Attributes:
        frame: one row per utterance: the manifest's columns, ``content``, ``seconds``.
        mean: means over valid frames, ``(n_utterances, n_layers, dim)`` float32.
        excluded: utterance to the reason why it has no features.
    """

    frame: pd.DataFrame
    mean: np.ndarray
    excluded: dict[str, str]


def evaluate(
    upstream: str | Module | Sequence[str | Module],
    tasks: str | Sequence[str] = (),
    *,
    transfer: str | Sequence[str] = (),
    protocols: str | Sequence[str] = ("pair",),
    recipes: str | Sequence[str] = ("paralbench", "majority", "duration"),
    normalisations: str | Sequence[str] = ("none",),
    roots: Mapping[str, str | Path] | None = None,
    cards: Iterable[str | Path] = (),
    out: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "torch",
    compile: str = "auto",
    limit: int | None = None,
    seed: int = 0,
    seeds: int | None = None,
    train_shares: Sequence[float] = (),
    frames_layer: int = -1,
    partial: bool = False,
    allow_leakage: bool = False,
    progress: Progress | None = None,
) -> Results:
    """Score upstreams on tasks and transfer settings.

    Args:
        upstream: card ids, or modules of your own that map waveforms ``(batch, samples)`` and
            lengths ``(batch,)`` to hidden states (see ``paralbench.upstreams.module``).
        tasks: task ids.
        transfer: ids of harmonised labels.
        protocols: what of them is scored: ``pair`` (every ordered pair of their corpora),
            ``leave-one-corpus-out``, ``pooled``, ``growth``, ``ceiling``; see
            :mod:`paralbench.transfer.protocols`.
        recipes: how probes are trained; see ``paralbench list probes``.
        normalisations: ``none``, ``speaker`` (transductive).
        roots: corpus id to its folder, where it is not the usual one.
        cards: folders of your own cards.
        out: the run folder, gone on with if it exists; without one nothing but the features is
            kept.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``auto`` (fp32), ``fp32``, ``bf16``, ``fp16``; ``fp32-reduced``: float32, with
            products of matrices in fewer bits where that is faster.
        backend: ``torch``, or ``openvino`` for the same features sooner on a CPU.
        compile: ``auto`` (on a GPU that has long to work), ``yes`` or ``no``: whether torch
            compiles the encoders' blocks.
        limit: at most so many utterances of each corpus.
        seed: of samples, splits and resamples.
        seeds: how many probe seeds; by default the recipe's.
        train_shares: shares of the training speakers that probes are trained on beside all of
            them, for learning curves.
        frames_layer: the layer whose frames recipes read that need them; -1 is the last.
        partial: go on where a corpus lacks audio or has rows that are not understood; they are
            recorded as exclusions.
        allow_leakage: run leaking splits and stamp their rows, instead of refusing them.
        progress: told of what happens.

    Returns:
        the tables, failures among them: a cell that failed is a row there.

    Raises:
        UnknownNameError: an id that no card has.
        CorpusNotFoundError: a corpus is not on this machine; the message says how to get it.
        ParalbenchError: the request is wrong in another way.
    """
    from paralbench.report.leaderboard import RunTables, leaderboard

    catalogue = load_catalogue(map(Path, cards))
    chosen = choose_precision(precision)
    given = [upstream] if isinstance(upstream, str) or callable(upstream) else list(upstream)
    own = [_own_upstream(one, chosen) for one in given if not isinstance(one, str)]
    names = [one for one in given if isinstance(one, str)]
    for one in own:
        catalogue.upstreams.add(one.card)
    request = Request(
        upstreams=(*names, *(one.card.id for one in own)),
        tasks=_names(tasks),
        transfer=_names(transfer),
        protocols=_names(protocols),
        recipes=_names(recipes),
        normalisations=_names(normalisations),
        roots={id: Path(folder) for id, folder in (roots or {}).items()},
        device=device,
        precision=chosen,
        backend=backend,
        compile=compile,
        limit=limit,
        seed=seed,
        seeds=seeds,
        train_shares=tuple(train_shares),
        frames_layer=frames_layer,
        allow_leakage=allow_leakage,
        partial=partial,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(out if out is not None else scratch)
        execute(catalogue, request, folder.path, progress=progress, own=own)
        tables = {name: folder.read(name) for name in TABLES}
        board = leaderboard(RunTables.read(folder), recipe=request.recipes[0])
    return Results(tables, board)


def extract(
    upstream: str | Module,
    audio: str | Sequence[str | Path],
    *,
    root: str | Path | None = None,
    cards: Iterable[str | Path] = (),
    device: str = "auto",
    precision: str = "auto",
    backend: str = "torch",
    limit: int | None = None,
    seed: int = 0,
    partial: bool = False,
    progress: Progress | None = None,
) -> Features:
    """Pooled features of a corpus or of audio files; kept, so that a second call only reads them.

    Args:
        upstream: a card id, or a module of your own (see :func:`evaluate`).
        audio: a corpus id, or a list of audio files.
        root: the corpus's folder, where it is not the usual one.
        cards: folders of your own cards.
        device: see :func:`evaluate`.
        precision: see :func:`evaluate`.
        backend: see :func:`evaluate`.
        limit: at most so many utterances of a corpus.
        seed: of that sample.
        partial: see :func:`evaluate`.
        progress: told of what happens.

    Raises:
        CorpusNotFoundError: the corpus is not on this machine.
        AudioError: a file of the list cannot be used; the message says why for each.
    """
    from paralbench.features.store import FeatureStore

    catalogue = load_catalogue(map(Path, cards))
    chosen = choose_precision(precision)
    corpora = Corpora(
        catalogue,
        {audio: Path(root)} if isinstance(audio, str) and root is not None else {},
        limit=limit,
        seed=seed,
        partial=partial,
    )
    frame = corpora.get(audio).frame if isinstance(audio, str) else _files(corpora, audio)
    where = choose_device(device)
    found = _find(catalogue, upstream, chosen, choose_backend(backend, where, chosen))
    store, told = FeatureStore(), progress or Quiet()
    report = extract_with(
        found,
        frame["content"],
        corpora.cache,
        store,
        device=where,
        progress=lambda done, total: told.work("encoding", done, total, "s of audio"),
    )
    kept = ~frame["content"].isin(list(report.excluded))
    left_out = records(rows(frame, ~kept))
    excluded = {row["utterance"]: report.excluded[row["content"]] for row in left_out}
    used = rows(frame, kept).reset_index(drop=True)
    space = store.space(found.description)
    return Features(used, space.mean(list(used["content"])), excluded)


def _find(catalogue: Catalogue, upstream: str | Module, precision: str, backend: str) -> Upstream:
    if isinstance(upstream, str):
        return Upstream.find(catalogue.upstreams.get(upstream), precision, {}, backend=backend)
    return _own_upstream(upstream, precision)


def _own_upstream(module: Module, precision: str) -> Upstream:
    from paralbench.upstreams.module import ModuleEncoder
    from paralbench.upstreams.weights import Weights

    encoder = module if isinstance(module, ModuleEncoder) else ModuleEncoder(module)
    card = UpstreamCard.build(
        {
            "name": encoder.name,
            "family": "module",
            "weights": [{"source": "none"}],
            "layers": encoder.n_layers,
            "dim": encoder.dim,
            "licence": "the user's own",
        },
        id=re.sub(r"[^a-z0-9.+-]+", "-", encoder.name.lower()).strip("-") or "module",
    )
    weights = Weights(None, encoder.weights_key, "the user's own module")
    return Upstream(card, weights, precision, given=encoder)


def _files(corpora: Corpora, files: Sequence[str | Path]) -> pd.DataFrame:
    from paralbench.audio.segments import Segment

    paths = [Path(file).expanduser().resolve() for file in files]
    if not paths:
        raise ParalbenchError("audio: an empty list; give a corpus id or audio files.")
    segments = [Segment(str(path), str(path).lstrip("/"), None, None) for path in paths]
    audio = corpora.cache.prepare(Path("/"), segments)
    bad = records(rows(audio, audio["reason"].notna()))
    if bad:
        lines = [f"{row['utterance']}: {row['reason']}: {row['detail']}" for row in bad]
        raise AudioError("\n".join(lines))
    return rows(audio, ["utterance", "content", "seconds"]).assign(path=audio["utterance"])


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
