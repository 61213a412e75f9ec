"""The feature store: pooled features by audio content, in one space per way of making them.

A space is a folder named by the sha256 of its description, which lies in it as
``description.json``. Spaces are shared by all tasks and runs. Nothing in them is changed: rows are
appended, also by several processes at once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paralbench.errors import StoreError
from paralbench.features.keys import encoder_key
from paralbench.features.moments import unpack
from paralbench.paths import features_home
from paralbench.storage.atomic import clean_leftovers, write_file
from paralbench.storage.keyed import KeyedStore, Places

DESCRIPTION = "description.json"
PLANS = "plans"
_REASON_BYTES = 32


class FeatureStore:
    """All spaces of a folder.

    Args:
        folder: created on the first write; by default the user's.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = features_home() if folder is None else Path(folder)

    def space(self, description: Mapping[str, Any]) -> "FeatureSpace":
        """The space of a description, as :func:`~paralbench.features.keys.space_description` gives.

        Raises:
            StoreError: the description cannot be a key, or the folder of its key holds another.
        """
        return FeatureSpace(self.folder_of(description), description)

    def folder_of(self, description: Mapping[str, Any]) -> Path:
        """Where the space of a description is, or will be; it is not opened.

        Raises:
            StoreError: the description cannot be a key.
        """
        return self.folder / encoder_key(description)


class FeatureSpace:
    """Pooled features that were made in one way, by sha256 of the decoded audio.

    Attributes:
        folder: of the space; it is created on the first write.
        key: sha256 of the description.
        description: what made the features.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any]):
        self.folder = folder
        self.description = dict(description)
        self.key = encoder_key(description)
        self._check_description()
        self._means = KeyedStore(folder / "means")
        self._moments = KeyedStore(folder / "moments")
        self._excluded = KeyedStore(folder / "excluded")

    def __reduce__(self):
        # To another process it travels as what it is, and is opened there.
        return FeatureSpace, (self.folder, self.description)

    def __len__(self) -> int:
        """How many utterances have features."""
        return len(self._means)

    @property
    def plans(self) -> Path:
        """The folder of the batch plans that were begun (see :mod:`~paralbench.features.plans`)."""
        return self.folder / PLANS

    @property
    def shape(self) -> tuple[int, int] | None:
        """``(layers, dim)``; None while the space is empty."""
        if len(self._means) == 0:
            return None
        layers, dim = self._means.get([], ["mean"])["mean"].shape[1:]
        return layers, dim

    def files(self, contents: Sequence[str], *, second_moments: bool = False) -> list[Path]:
        """The shards that hold what is stored of some contents, with second moments if wanted."""
        parts = [self._means, self._excluded, *([self._moments] if second_moments else [])]
        return [file for part in parts for file in part.files(contents)]

    def refresh(self) -> None:
        """See what other processes wrote since."""
        for part in (self._means, self._moments, self._excluded):
            part.refresh()

    def missing(self, contents: Iterable[str], *, second_moments: bool = False) -> list[str]:
        """The contents that have neither features nor a recorded exclusion, in order, each once.

        Args:
            contents: sha256 of decoded audio.
            second_moments: whether these are wanted too.
        """
        wanted = self._excluded.missing(contents)
        lacking = set(self._means.missing(wanted))
        if second_moments:
            lacking.update(self._moments.missing(wanted))
        return [content for content in wanted if content in lacking]

    def append(
        self,
        contents: Sequence[str],
        mean: np.ndarray,
        frames: np.ndarray,
        moments: np.ndarray | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store features; they are on the disk when this returns.

        Contents that are stored already keep the features they have.

        Args:
            contents: sha256 of decoded audio, each once.
            mean: ``(n, layers, dim)``; stored as float32.
            frames: valid frames of each, ``(n,)``.
            moments: packed second moments ``(n, pairs, dim)``; stored as float32.
            metadata: strings to keep with the rows.

        Raises:
            StoreError: the arrays do not fit the contents or the space, a value is not finite, or
                nothing can be written.
        """
        arrays = {"mean": np.asarray(mean, np.float32), "frames": np.asarray(frames, np.int64)}
        if arrays["mean"].ndim != 3 or arrays["frames"].ndim != 1:
            raise StoreError(
                f"{self.folder}: means of shape {arrays['mean'].shape} and frames of shape "
                f"{arrays['frames'].shape}; give (utterances, layers, dim) and (utterances,)."
            )
        self._write(self._means, contents, arrays, metadata)
        if moments is not None:
            packed = {"moments": np.asarray(moments, np.float32)}
            self._write(self._moments, contents, packed, metadata)

    def exclude(self, reasons: Mapping[str, str]) -> None:
        """Record contents that have no features here, with the reason, so that none is tried again.

        Args:
            reasons: content to a short word such as ``too-short``.

        Raises:
            StoreError: a reason is too long, or nothing can be written.
        """
        if not reasons:
            return
        encoded = [reason.encode("ascii") for reason in reasons.values()]
        if any(len(reason) > _REASON_BYTES for reason in encoded):
            raise StoreError(f"a reason has at most {_REASON_BYTES} bytes: {reasons}")
        padded = b"".join(reason.ljust(_REASON_BYTES) for reason in encoded)
        rows = np.frombuffer(padded, np.uint8).reshape(-1, _REASON_BYTES)
        self._write(self._excluded, list(reasons), {"reason": rows}, None)

    def excluded(self, contents: Iterable[str]) -> dict[str, str]:
        """The reason of each of the contents that is excluded."""
        asked = list(dict.fromkeys(contents))
        lacking = set(self._excluded.missing(asked))
        known = [content for content in asked if content not in lacking]
        if not known:
            return {}
        rows = self._excluded.get(known)["reason"]
        return {
            content: row.tobytes().decode("ascii").strip()
            for content, row in zip(known, rows, strict=True)
        }

    def mean(self, contents: Sequence[str]) -> np.ndarray:
        """Means over frames ``(n, layers, dim)``, float32, in the order of the contents.

        Only these rows are read from the disk.

        Raises:
            StoreError: a content has no features here; the message says which and why.
        """
        return self._rows(self._means, contents, "mean")

    def mean_places(self, contents: Sequence[str]) -> Places:
        """Where the rows of :meth:`mean` lie in the files of the space; raises as that."""
        self._demand(self._means, contents)
        return self._means.places(contents, "mean")

    def frames(self, contents: Sequence[str]) -> np.ndarray:
        """Valid frames of each content ``(n,)``, int64; raises as :meth:`mean`."""
        return self._rows(self._means, contents, "frames")

    def moments(self, contents: Sequence[str], *, packed: bool = False) -> np.ndarray:
        """Second moments ``(n, layers, layers, dim)``, float32; raises as :meth:`mean`.

        Args:
            contents: sha256 of decoded audio.
            packed: return the half that is stored, ``(n, pairs, dim)``, as
                :mod:`~paralbench.features.moments` describes.
        """
        rows = self._rows(self._moments, contents, "moments")
        return rows if packed else unpack(rows)

    def _rows(self, part: KeyedStore, contents: Sequence[str], name: str) -> np.ndarray:
        self._demand(part, contents)
        return part.get(contents, [name])[name]

    def _demand(self, part: KeyedStore, contents: Sequence[str]) -> None:
        """See that all of the contents have rows, also those that others wrote meanwhile."""
        if len(part) == 0 or part.missing(contents):
            part.refresh()
        if not contents and len(part) == 0:
            raise StoreError(f"{part.folder}: empty, so that layers and dimensions are unknown.")
        lacking = part.missing(contents)
        if lacking:
            reasons = self.excluded(lacking)
            why = "; ".join(f"{content[:12]}: {reason}" for content, reason in reasons.items())
            raise StoreError(
                f"{part.folder}: {len(lacking)} of {len(contents)} utterances have no features "
                f"here{f' ({why[:200]})' if why else ''}. Extract them, or leave out what was "
                "excluded."
            )

    def _write(
        self,
        part: KeyedStore,
        contents: Sequence[str],
        arrays: Mapping[str, np.ndarray],
        metadata: Mapping[str, str] | None,
    ) -> None:
        for name, array in arrays.items():
            if array.shape[0] != len(contents):
                raise StoreError(f"{part.folder}: {len(contents)} contents, {name} {array.shape}.")
            if array.dtype == np.float32 and not np.isfinite(array).all():
                raise StoreError(f"{part.folder}: {name} holds NaN or infinity; exclude these.")
        self.write_description()
        new = set(part.missing(contents))
        kept = [index for index, content in enumerate(contents) if content in new]
        part.append(
            [contents[index] for index in kept],
            {name: array[kept] for name, array in arrays.items()},
            metadata,
        )

    def write_description(self) -> None:
        """Write ``description.json``, if it is not there."""
        if not (self.folder / DESCRIPTION).exists():
            clean_leftovers(self.folder)
            text = json.dumps(self.description, indent=2, sort_keys=True, ensure_ascii=False)
            write_file(self.folder, DESCRIPTION, text.encode() + b"\n")

    def _check_description(self) -> None:
        """Refuse a folder whose description is not the one that its name is the hash of."""
        path = self.folder / DESCRIPTION
        try:
            found = encoder_key(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return
        except (ValueError, AttributeError) as error:
            raise StoreError(
                f"{path}: cannot be read ({error}). Remove the file if the folder was not tampered "
                "with; it is written anew."
            ) from error
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}.") from error
        if found != self.key:
            raise StoreError(
                f"{path}: describes the features {found[:12]}, but lies in the folder of "
                f"{self.key[:12]}: it was changed, or the folder was renamed. Remove the folder "
                f"{self.folder} to extract anew."
            )
