"""openSMILE's feature sets: eGeMAPSv02 (88 functionals) and ComParE 2016 (6373).

The package is optional (extra ``functionals``) because of its research licence. It computes on
16-bit integers and casts without a check: a sample of 1.0 becomes -32768. Waveforms are therefore
clipped to [-32768, 32767] / 32768 before; resampling may well overshoot 1.

The sets were finite on everything tried (noise, tones, digital silence, constant waveforms, four
speech corpora), apart from waveforms under 60 ms, which they refuse. Should a functional be
infinite or undefined on some waveform all the same, it is set to 0, openSMILE's own value for what
does not exist, such as F0 statistics without voicing.
"""

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError, MissingExtraError
from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.functionals import FunctionalsEncoder, key_of, library_version
from paralbench.upstreams.options import read_options

if TYPE_CHECKING:
    import opensmile

VERSION = 1
FEATURE_SETS = ("eGeMAPSv02", "ComParE_2016")
MIN_SAMPLES = 960  # 60 ms, the longest analysis window; below it openSMILE gives nothing
HIGHEST = 32767 / 32768


class OpensmileEncoder(FunctionalsEncoder):
    """The functionals of one of openSMILE's feature sets.

    Args:
        feature_set: ``eGeMAPSv02`` or ``ComParE_2016``.
        window: seconds that are computed as one.

    Raises:
        MissingExtraError: opensmile is not installed.
    """

    def __init__(self, feature_set: str, window: float = 3600.0):
        if find_spec("opensmile") is None:
            raise MissingExtraError(f"the feature set {feature_set}", "functionals")
        self.feature_set = feature_set
        key = key_of(
            family="opensmile",
            feature_set=feature_set,
            level="Functionals",
            opensmile=library_version("opensmile"),
        )
        super().__init__(tuple(self._smile.feature_names), MIN_SAMPLES, window, key)

    @cached_property
    def _smile(self) -> "opensmile.Smile":
        import opensmile

        return opensmile.Smile(
            feature_set=opensmile.FeatureSet[self.feature_set],
            feature_level=opensmile.FeatureLevel.Functionals,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without openSMILE's object, which a worker process makes for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_smile"}

    def functionals(self, waveform: np.ndarray) -> np.ndarray:
        """``(dim,)``, in openSMILE's order."""
        clipped = np.clip(waveform, -1.0, HIGHEST, dtype=np.float32)
        row = self._smile(clipped, SAMPLE_RATE).reshape(-1)
        return np.where(np.isfinite(row), row, 0.0).astype(np.float32)


def load(card: UpstreamCard, folder: Path | None = None) -> OpensmileEncoder:
    """The encoder of a card; options ``feature_set`` and ``level`` (only ``Functionals``).

    Raises:
        CardError: an option is unknown or not allowed.
        MissingExtraError: opensmile is not installed.
    """
    options = read_options(card, {"feature_set": "eGeMAPSv02", "level": "Functionals"})
    allowed = {"feature_set": FEATURE_SETS, "level": ("Functionals",)}
    for name, value in options.items():
        if value not in allowed[name]:
            raise CardError(
                f"{card.file or card.id}: options.{name}: {value!r} is not allowed: "
                f"one of {', '.join(allowed[name])}."
            )
    return OpensmileEncoder(options["feature_set"], card.window)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
