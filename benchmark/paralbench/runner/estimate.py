"""What a run would do: cells, audio, disk and time, without decoding or encoding the corpora."""

import time
from dataclasses import dataclass

import numpy as np

from paralbench.cards import Catalogue
from paralbench.errors import ParalbenchError
from paralbench.features.arithmetic import arithmetic
from paralbench.features.device import with_backend
from paralbench.features.frame_layer import layer_index
from paralbench.features.precision import torch_dtype
from paralbench.features.sizes import frames_bytes, moments_bytes, size_text
from paralbench.features.store import FeatureStore
from paralbench.probes.recipes import get_recipe
from paralbench.runner.data import Corpora
from paralbench.runner.device import choose_backend, choose_device, choose_precision
from paralbench.runner.plan import make_plan
from paralbench.runner.request import Request
from paralbench.runner.upstream import Upstream
from paralbench.tables.frames import column
from paralbench.tables.slots import NO_UPSTREAM
from paralbench.upstreams.base import SAMPLE_RATE, backend_of

_ASSUMED_SECONDS = 3.0  # of a clip whose length is not known yet
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Estimate:
    """A plan and what it would take, ready to print."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def estimate(catalogue: Catalogue, request: Request) -> Estimate:
    """Lay out a request and estimate it.

    Time per upstream is measured by encoding noise of the clips' mean length twice, where its
    weights are here already; nothing is downloaded.

    Raises:
        ParalbenchError: the request is wrong, or nothing of it can be run here.
    """
    corpora = Corpora(
        catalogue,
        request.roots,
        samples=request.samples,
        limit=request.limit,
        seed=request.seed,
        partial=request.partial,
    )
    plan = make_plan(catalogue, request, corpora.root)
    lines = [f"skipped: {line}" for line in plan.skipped]
    clips, seconds = 0, 0.0
    for id in plan.corpora:
        manifest = corpora.manifest(id)
        ends, starts = column(manifest.frame, "end"), column(manifest.frame, "start")
        given = (ends - starts.fillna(0)).dropna().to_numpy(dtype="float64")
        mean = float(given.mean()) if len(given) else _ASSUMED_SECONDS
        clips, seconds = clips + len(manifest), seconds + mean * len(manifest)
        assumed = "" if len(given) else f", at {_ASSUMED_SECONDS:g} s a clip"
        lines.append(
            f"{id}: {len(manifest)} utterances, about {mean * len(manifest) / 60:.0f} min{assumed}"
        )
    device, precision = choose_device(request.device), choose_precision(request.precision)
    backend = choose_backend(request.backend, device, precision)
    for id, cells in plan.by_upstream().items():
        if id == NO_UPSTREAM:
            lines.append(f"floors: {len(cells)} cells")
            continue
        try:
            card = catalogue.upstreams.get(id)
            upstream = Upstream.find(card, precision, request.weights, False, backend)
            space = FeatureStore().space(upstream.description)
            mean = seconds / max(clips, 1)
            each, frame_rate = _trial(upstream, mean, device, request.threads)
            layers, dim = upstream.encoder.n_layers, upstream.encoder.dim
            sizes = [f"{size_text(clips * layers * dim * _FLOAT_BYTES)} of features"]
            reads = {get_recipe(cell.recipe).reads for cell in cells}
            if "moments" in reads:
                sizes.append(f"{size_text(moments_bytes(clips, layers, dim))} of second moments")
            if "frames" in reads:
                size = size_text(frames_bytes(seconds, frame_rate, dim))
                layer = layer_index(request.frames_layer, layers)
                sizes.append(f"about {size} of frames of layer {layer}")
            lines.append(
                f"{id}: {len(cells)} cells; {clips} clips at {each * 1000:.0f} ms: at most "
                f"{_clock(each * clips)} to encode (the store holds {len(space)}), "
                f"{', '.join(sizes)}; on "
                f"{with_backend(device, backend_of(upstream.encoder))}, {upstream.precision}"
            )
            upstream.unload()
        except ParalbenchError as error:
            lines.append(f"{id}: {len(cells)} cells; not measured: {str(error).splitlines()[0]}")
    lines.append(f"{len(plan.cells)} cells in all")
    return Estimate(tuple(lines))


def _trial(
    upstream: Upstream, seconds: float, device: str, threads: int | None
) -> tuple[float, float]:
    """Seconds that a clip of a length takes, and frames a second that it has.

    Of two encodings of noise, run as an extraction would run them, the time of the faster one.
    """
    import torch

    encoder = upstream.encoder.to(torch.device(device), torch_dtype(upstream.precision))
    samples = max(encoder.min_samples, min(encoder.window_samples, round(seconds * SAMPLE_RATE)))
    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    took, frames = [], 0
    for _ in range(2):
        started = time.perf_counter()
        with arithmetic(threads or torch.get_num_threads(), upstream.precision):
            batch = torch.from_numpy(encoder.prepare(noise))[None].to(device)
            states = encoder.forward(batch, torch.tensor([samples], device=device))
            float(states.layers[0].float().sum())  # waits for the device
            frames = int(states.lengths[0])
        took.append(time.perf_counter() - started)
    return min(took), frames * SAMPLE_RATE / samples


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
