"""From pooled windows to rows in the store, in portions so that a kill loses little."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from paralbench.features.batching import Piece
from paralbench.features.frame_store import FrameStore, lacking
from paralbench.features.pooling import Pooled, merge
from paralbench.features.store import FeatureSpace

TOO_SHORT = "too-short"
NOT_FINITE = "not-finite-features"

FLUSH_BYTES = 64 * 2**20
FLUSH_SECONDS = 30.0


class Collector:
    """Merges the windows of each utterance and appends the results to a space.

    Args:
        space: where rows go.
        wanted: contents to store; others were only encoded to make up a batch.
        pieces: every window that will come.
        second_moments: whether these are stored too.
        metadata: strings kept with the rows.
        frames: where the frames of a layer go, if they are stored too.
        clock: seconds; for tests.
    """

    def __init__(
        self,
        space: FeatureSpace,
        wanted: Iterable[str],
        pieces: Iterable[Piece],
        *,
        second_moments: bool,
        metadata: Mapping[str, str],
        frames: FrameStore | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.stored: set[str] = set()
        self.excluded: dict[str, str] = {}
        self._space, self._frames, self._wanted = space, frames, set(wanted)
        self._second_moments, self._metadata, self._clock = second_moments, metadata, clock
        self._windows = Counter(piece.content for piece in pieces if piece.content in self._wanted)
        self._parts: dict[str, dict[int, Pooled]] = {}
        self._rows: dict[str, Pooled] = {}
        self._bytes, self._flushed = 0, clock()

    def needs(self, content: str) -> bool:
        """Whether a content is wanted and not yet stored, by this process or another."""
        return content in self._wanted

    def add(self, pieces: Sequence[Piece], pooled: Sequence[Pooled]) -> None:
        """Take in a batch; rows are written when enough have come together."""
        for piece, part in zip(pieces, pooled, strict=True):
            if piece.content in self._wanted:
                self._take(piece, part)
        if self._bytes >= FLUSH_BYTES or self._clock() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is complete, and see what other processes wrote meanwhile."""
        rows, self._rows, self._bytes = self._rows, {}, 0
        self._space.refresh()
        if self._frames is not None:
            self._frames.refresh()
        if rows:
            pooled = list(rows.values())
            self._space.append(
                list(rows),
                np.stack([one.mean for one in pooled]),
                np.array([one.frames for one in pooled]),
                np.stack([one.moments for one in pooled if one.moments is not None])
                if self._second_moments
                else None,
                self._metadata,
            )
            if self._frames is not None:
                states = [one.states for one in pooled if one.states is not None]
                self._frames.append(list(rows), states, self._metadata)
            self.stored.update(rows)
        if fresh := {c: reason for c, reason in self.excluded.items() if c in self._wanted}:
            self._space.exclude(fresh)
        self._wanted = set(
            lacking(
                self._space,
                self._wanted,
                second_moments=self._second_moments,
                frames=self._frames,
            )
        )
        self._parts = {c: parts for c, parts in self._parts.items() if c in self._wanted}
        self._flushed = self._clock()

    def _take(self, piece: Piece, part: Pooled) -> None:
        parts = self._parts.setdefault(piece.content, {})
        parts[piece.index] = part
        if len(parts) < self._windows[piece.content]:
            return
        # In the order of the windows, whatever order they were encoded in.
        whole = merge([parts[index] for index in sorted(parts)])
        del self._parts[piece.content]
        if whole.frames == 0:
            self.excluded[piece.content] = TOO_SHORT
        elif not whole.finite:
            self.excluded[piece.content] = NOT_FINITE
        else:
            self._rows[piece.content] = whole
            self._bytes += 4 * whole.mean.size
            self._bytes += 4 * whole.moments.size if whole.moments is not None else 0
            self._bytes += whole.states.nbytes if whole.states is not None else 0
