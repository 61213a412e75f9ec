"""An upstream on this machine: whether it is here, fits its card, is exact, and how fast it is."""

import gc
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import FAULTS, ParalbenchError
from paralbench.upstreams.base import SAMPLE_RATE, Batching, Encoder
from paralbench.upstreams.loading import load_encoder
from paralbench.upstreams.weights import look, resolve

if TYPE_CHECKING:
    import torch

CLIP = 10 * SAMPLE_RATE  # samples whose encoding is timed
LENGTHS = (8_000, 160_000)  # samples: one waveform 20 times as long as the other
FAILURES = (*FAULTS, ImportError, OSError)  # of one upstream, which do not concern the others

Kind = Literal["real", "random"]


@dataclass(frozen=True)
class Examination:
    """What was found out about an upstream; None where it was not, or could not be.

    Attributes:
        id: the upstream's.
        core: whether it is one of the suite's.
        verified: whether its card says that it was verified on its real weights.
        where: the source that its weights are from; None: they are not on this machine.
        folder: where they lie; None also for code without weights.
        sha256: of the weights that were loaded.
        size: their bytes.
        measured_on: the weights that were loaded; None: none were.
        device: where they were measured.
        layers: hidden states per frame.
        dim: features per layer.
        batching: as the encoder declares.
        parameters: counted; what the card states where nothing was loaded.
        batch_error: relative L2 difference of pooled statistics in a batch from those alone, the
            largest over layers. With ``equal-length``, in batches of equal lengths; None with
            ``single``.
        speed: seconds of audio that are encoded in a second, one clip of 10 s at a time.
        problem: why it could not be found, loaded or run.
    """

    id: str
    core: bool
    verified: bool
    where: str | None = None
    folder: str | None = None
    sha256: str | None = None
    size: int | None = None
    measured_on: Kind | None = None
    device: str | None = None
    layers: int | None = None
    dim: int | None = None
    batching: Batching | None = None
    parameters: int | None = None
    batch_error: float | None = None
    speed: float | None = None
    problem: str | None = None


def find(card: UpstreamCard, *, roots: Mapping[str, Path] | None = None) -> Examination:
    """Whether an upstream's weights are on this machine. Nothing is loaded, read or fetched."""
    seen = Examination(
        card.id, card.core, card.verified_on_real_weights, parameters=card.parameters
    )
    try:
        return replace(seen, where=look(card, roots=roots))
    except FAILURES as error:
        return replace(seen, problem=told(error))


def examine(
    card: UpstreamCard,
    *,
    roots: Mapping[str, Path] | None = None,
    random: bool = False,
    device: "torch.device | str" = "cpu",
    timed: bool = True,
) -> Examination:
    """Load an upstream, measure it and let it go. What fails is told, not raised.

    Args:
        card: the upstream's card.
        roots: folders of the user's own, by upstream id.
        random: measure an upstream whose weights are not here with random ones of the card's
            architecture, written to the folder for temporary files.
        device: where it is measured.
        timed: whether its speed is measured too.
    """
    seen = find(card, roots=roots)
    if seen.where is None and not random:
        return seen
    kind: Kind = "random" if seen.where is None else "real"
    seen = replace(seen, measured_on=kind, device=str(device), problem=None)
    try:
        with ExitStack() as stack:
            if kind == "random":
                from paralbench.upstreams.blueprints import random_encoder

                encoder = stack.enter_context(random_encoder(card))
            else:
                weights = resolve(card, fetch=False, roots=roots)
                folder = str(weights.folder) if weights.folder else None
                seen = replace(seen, folder=folder, sha256=weights.sha256, size=weights.size)
                encoder = load_encoder(card, weights)
            return _measure(seen, card, encoder, device, timed)
    except FAILURES as error:
        return replace(seen, problem=told(error))
    finally:
        _free(device)


def _measure(
    seen: Examination,
    card: UpstreamCard,
    encoder: Encoder,
    device: "torch.device | str",
    timed: bool,
) -> Examination:
    import torch

    from paralbench.features.exactness import batch_error
    from paralbench.upstreams.probing import count_parameters

    encoder = encoder.to(torch.device(device), torch.float32)
    seen = replace(
        seen,
        layers=encoder.n_layers,
        dim=encoder.dim,
        batching=encoder.batching,
        parameters=_of_blueprint(card, count_parameters(encoder)),
    )
    if encoder.batching != "single":
        lengths = LENGTHS if encoder.batching == "any" else LENGTHS[:1] * 2
        error = batch_error(encoder, lengths=lengths, device=device)
        seen = replace(seen, batch_error=error.largest)
    return replace(seen, speed=speed(encoder, device) if timed else None)


def _of_blueprint(card: UpstreamCard, counted: int) -> int:
    """The parameters as the owners' code counts them, where that is known.

    Families leave out what they do not use and fold weight normalisation in, so the loaded
    encoder may have a few less.
    """
    from paralbench.upstreams import blueprints

    if not card.architecture or card.family not in blueprints.BLUEPRINTS:
        return counted
    return blueprints.count_parameters(card)


def speed(encoder: Encoder, device: "torch.device | str", *, repeats: int = 2) -> float:
    """Seconds of audio that are encoded in a second: one clip of 10 s, the best of a few times.

    A clip longer than the encoder's window is encoded in windows, as an extraction does.

    Args:
        encoder: on the device.
        device: where it is.
        repeats: how often the clip is encoded.
    """
    import torch

    from paralbench.features.arithmetic import arithmetic
    from paralbench.features.windows import windows

    samples = max(CLIP, encoder.min_samples)
    generator = np.random.default_rng(0)
    clip = (0.1 * generator.standard_normal(samples)).astype(np.float32)
    pieces = windows(samples, encoder.window_samples, encoder.min_samples)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        prepared = torch.from_numpy(np.ascontiguousarray(encoder.prepare(clip)))[None]
        for start, end in pieces:
            lengths = torch.tensor([end - start])
            with arithmetic(torch.get_num_threads()):
                states = encoder.forward(prepared[:, start:end].to(device), lengths.to(device))
            states.layers[-1].sum().item()  # waits for the device
        times.append(time.perf_counter() - started)
    return samples / SAMPLE_RATE / min(times)


def faults(card: UpstreamCard, seen: Examination, tolerance: float) -> list[str]:
    """In what an examined upstream is not as its card says, or not exact; none: all is well.

    Args:
        card: the upstream's card.
        seen: from :func:`examine`.
        tolerance: the largest batch error that is allowed.
    """
    if seen.problem:
        return [seen.problem]
    found = [
        f"{name}: the card says {stated}, the weights give {given}"
        for name, stated, given in (
            ("layers", card.layers, seen.layers),
            ("dim", card.dim, seen.dim),
            ("parameters", card.parameters, seen.parameters),
        )
        if stated is not None and given is not None and stated != given
    ]
    if seen.batch_error is not None and not seen.batch_error <= tolerance:
        found.append(
            f"pooled statistics in a batch differ by {seen.batch_error:.1e} (relative L2) from "
            f"those alone; at most {tolerance:.0e} is allowed"
        )
    return found


def told(error: Exception) -> str:
    """An error in a line: our own messages stand for themselves, of others the kind helps."""
    return str(error) if isinstance(error, ParalbenchError) else f"{type(error).__name__}: {error}"


def _free(device: "torch.device | str") -> None:
    """Give the memory of what is not used any more back to the device."""
    import torch

    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
