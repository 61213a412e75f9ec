"""The openly licensed classical baseline: prosody, voice quality and spectral shape by librosa.

The functionals of an utterance's contours: F0 and harmonicity (:mod:`.pitch`), energy, cepstrum
and spectral shape (:mod:`.spectrum`), and from them segments, rates and statistics
(:mod:`.measures`, where the names, units and neutral values stand). Nothing is ever NaN.
"""

from pathlib import Path

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.upstreams.functionals import FunctionalsEncoder, key_of, library_version
from paralbench.upstreams.options import read_options
from paralbench.upstreams.prosody.frames import FRAME
from paralbench.upstreams.prosody.measures import measure
from paralbench.upstreams.prosody.pitch import Pitch, track
from paralbench.upstreams.prosody.spectrum import CONTOURS, contours

VERSION = 1


class ProsodyEncoder(FunctionalsEncoder):
    """Functionals of pitch, energy, cepstrum and spectral shape.

    Args:
        window: seconds that are computed as one.
    """

    def __init__(self, window: float = 3600.0):
        key = key_of(family="prosody", librosa=library_version("librosa"))
        super().__init__(names(), FRAME, window, key)

    def functionals(self, waveform: np.ndarray) -> np.ndarray:
        """``(dim,)``, in the order of :func:`names`."""
        return np.array(list(describe(waveform).values()), dtype=np.float32)


def describe(waveform: np.ndarray) -> dict[str, float]:
    """The measures of a waveform ``(samples,)`` at 16 kHz by name, every one finite."""
    return measure(track(waveform), contours(waveform))


def names() -> tuple[str, ...]:
    """The name of each feature, in order."""
    unvoiced = Pitch(np.full(1, np.nan), np.zeros(1, dtype=bool), np.zeros(1), np.full(1, np.nan))
    return tuple(measure(unvoiced, {name: np.zeros(1) for name in CONTOURS}))


def load(card: UpstreamCard, folder: Path | None = None) -> ProsodyEncoder:
    """The encoder of a card; it has no options.

    Raises:
        CardError: an option is given.
    """
    read_options(card, {})
    return ProsodyEncoder(card.window)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
