"""An upstream as the runner holds it: its card, its weights, and the encoder when it is needed.

What keys its features (weights, window, shape) is remembered beside the feature store, so that a
run with nothing left to encode loads no model.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from paralbench import paths
from paralbench.audio.cache import AudioCache
from paralbench.cards import UpstreamCard
from paralbench.features.batching import Limits, limits_of
from paralbench.features.energy import EnergyMeter
from paralbench.features.extract import ExtractionReport, extract
from paralbench.features.frame_store import lacking, open_frames
from paralbench.features.keys import space_description
from paralbench.features.store import FeatureStore
from paralbench.runner.keys import digest
from paralbench.runner.timings import with_measures
from paralbench.storage.atomic import clean_leftovers, write_file
from paralbench.upstreams.base import Encoder, backend_of, fixed_precision_of
from paralbench.upstreams.loading import describe, load_encoder
from paralbench.upstreams.openvino_backend import with_openvino
from paralbench.upstreams.registry import FAMILIES
from paralbench.upstreams.weights import Weights, resolve


@dataclass
class Upstream:
    """A card with its weights, in one precision, on one backend.

    Args:
        card: the upstream card.
        weights: where its weights lie and which they are.
        asked_precision: one of :data:`~paralbench.features.precision.PRECISIONS`.
        given: the encoder itself, for a user's own module.
        backend: what computes it, where it can.
    """

    card: UpstreamCard
    weights: Weights
    asked_precision: str
    given: Encoder | None = None
    backend: str = "torch"
    _loaded: Encoder | None = field(default=None, init=False, repr=False)

    @classmethod
    def find(
        cls,
        card: UpstreamCard,
        precision: str,
        roots: Mapping[str, Path],
        fetch: bool = True,
        backend: str = "torch",
    ) -> "Upstream":
        """Find an upstream's weights, fetching them if need be.

        Raises:
            WeightsError: they cannot be had; the message says what to do.
            MissingExtraError: an optional package is not installed.
        """
        weights = resolve(card, fetch=fetch, roots=dict(roots))
        return cls(card, weights, precision, backend=backend)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded on first use."""
        if self._loaded is None:
            self._loaded = self.given or self._load()
        return self._loaded

    def _load(self) -> Encoder:
        encoder = load_encoder(self.card, self.weights)
        return with_openvino(encoder) if self.backend == "openvino" else encoder

    def unload(self) -> None:
        """Let the encoder's memory go."""
        self._loaded = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_loaded": None}  # another process loads its own

    @property
    def limits(self) -> Limits:
        """What batches it takes."""
        return Limits(**self._facts["limits"])

    @property
    def precision(self) -> str:
        """What it computes in: what was asked for, unless the encoder has only one precision."""
        return self._facts["fixed_precision"] or self.asked_precision

    @property
    def description(self) -> dict[str, Any]:
        """What determines the features, beside the audio."""
        return space_description(self._facts["description"], precision=self.precision)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What the loaded encoder says of itself, as it is remembered."""
        if self.given is not None:
            own = {"family": "module", "encoder": self.given.weights_key}
            return {
                "description": own,
                "fixed_precision": fixed_precision_of(self.given),
                "limits": asdict(limits_of(self.given)),
            }
        folder = paths.features_home() / "encoders"
        name = f"{digest(self._before_loading())}.json"
        try:
            return json.loads((folder / name).read_text())
        except (OSError, json.JSONDecodeError):
            facts = {
                "upstream": self.card.id,  # for `store info`, which names spaces by it
                "description": describe(self.card, self.weights, self.encoder),
                "fixed_precision": fixed_precision_of(self.encoder),
                "limits": asdict(limits_of(self.encoder)),
            }
            clean_leftovers(folder)
            write_file(folder, name, json.dumps(facts, sort_keys=True).encode())
            return facts

    def _before_loading(self) -> dict[str, Any]:
        """All that :meth:`_facts` depends on, as far as it is known without loading."""
        from paralbench import __version__

        card = self.card
        return {
            "family": card.family,
            "version": FAMILIES.get(card.family).version,
            "weights": self.weights.sha256,
            "variant": card.variant,
            "window": card.window,
            "architecture": card.architecture,
            "options": card.options,
            "layers": card.layers,
            "dim": card.dim,
            "backend": self.backend,  # which takes batches of its own
            "paralbench": __version__,
            "remembered": ["description", "fixed_precision", "limits"],
        }


def extract_with(
    upstream: Upstream,
    contents: Iterable[str],
    cache: AudioCache,
    store: FeatureStore,
    *,
    device: str,
    threads: int | None = None,
    second_moments: bool = False,
    frames_layer: int | None = None,
    token_budget: int | None = None,
    lengths: Mapping[str, int] | None = None,
    progress: Callable[[float, float], None] | None = None,
    announce: Callable[[str], None] | None = None,
    compiled: bool = False,
) -> ExtractionReport:
    """Store an upstream's features of some decoded audio; those that are there are not made again.

    Second moments and the frames of a layer are stored where they are asked for; ``announce`` is
    told how large they are before they are made. ``lengths`` has the samples of contents, as far as
    they are known, ``token_budget`` the samples of a batch, if they are not to be found. Blocks are
    ``compiled`` where the encoder names any (see :mod:`~paralbench.features.compiling`).

    Encoders that take one utterance at a time on the CPU may run in one process per core, which
    ``extract`` does where there is enough to do to pay for starting them.
    """
    asked = sorted(set(contents))
    workers = 1
    plain = upstream.given is None and device == "cpu" and upstream.precision == "fp32"
    space = store.space(upstream.description)
    frames = None if frames_layer is None else open_frames(space, frames_layer)
    if plain and lacking(space, asked, second_moments=second_moments, frames=frames):
        encoder = upstream.encoder
        alone = encoder.batching == "single" and backend_of(encoder) == "torch"
        workers = (threads or os.cpu_count() or 1) if alone else 1
    meter = EnergyMeter(device)
    with meter:
        report = extract(
            upstream.given,
            upstream.description,
            asked,
            cache,
            store,
            device=device,
            precision=upstream.precision,
            loader=partial(load_encoder, upstream.card, upstream.weights)
            if workers > 1
            else lambda: upstream.encoder,
            workers=workers,
            threads=threads,
            second_moments=second_moments,
            frames_layer=frames_layer,
            token_budget=token_budget,
            lengths=lengths,
            progress=progress,
            announce=announce,
            compiled=compiled,
        )
    return with_measures(report, upstream, meter.joules, workers)
