"""The means of a problem's rows: in memory, or on the disk where they are large.

Whatever their size they are brought in the same way, so that the numbers are the same: sessions
are merged utterance by utterance in their order, and normalisation takes one layer after another.
"""

import resource
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from paralbench.probes.on_disk import Floats32, InShards, Means, Order, Scratch, blocks
from paralbench.runner.sessions import Sessions

if TYPE_CHECKING:
    from paralbench.features.store import FeatureSpace

_BLOCK = 1 << 28  # bytes of means that are brought from the store at once


def read_means(
    space: "FeatureSpace", contents: Sequence[str], order: Order, in_memory: int
) -> Means:
    """Means ``(n, layers, dim)`` of some contents.

    Args:
        space: where they are stored.
        contents: sha256 of the decoded audio.
        order: how they will be read, where they are on the disk.
        in_memory: bytes up to which they are in memory.

    Raises:
        StoreError: a content has no features, or the disk has no room.
    """
    n, layers, dim = shape = _shape(space, contents)
    if 4 * n * layers * dim <= in_memory:
        return space.mean(contents)
    if order == "utterances":
        places = space.mean_places(contents)
        if len(places.files) <= _most_files():
            return InShards(places.files, places.of, places.start, shape)
    means = Scratch(space.folder, shape, order)
    for rows, values in _parts(space, contents, shape):
        means[rows] = values
    return means


def read_sessions(space: "FeatureSpace", sessions: Sessions) -> Floats32:
    """The sessions' means ``(sessions, layers, dim)``; those of the utterances are not kept.

    Raises:
        StoreError: an utterance has no features.
    """
    contents = sessions.contents
    shape = _shape(space, contents)
    parts = _parts(space, contents, shape)
    return sessions.merge_parts(parts, space.frames(contents), shape[1:])


def each_layer(means: Means, change: Callable[[Floats32], Floats32], order: Order) -> Means:
    """Means of which every layer is changed, in the order given where they are on the disk.

    Args:
        means: ``(n, layers, dim)``; on the disk by layers, and changed there.
        change: makes new means of those of some layers.
        order: how the new ones will be read.
    """
    if not isinstance(means, Scratch):
        return change(means[:])
    for layer in range(means.shape[1]):
        means[:, layer] = change(means[:, layer : layer + 1])[:, 0]
    if order == means.order:
        return means
    turned = Scratch(means.folder, means.shape, order)
    for rows in blocks(means.shape, _BLOCK):
        turned[rows] = means[rows]
    return turned


def _most_files() -> int:
    """Files that may be held open: half of what the system allows a process."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def _shape(space: "FeatureSpace", contents: Sequence[str]) -> tuple[int, int, int]:
    if space.shape is None:
        space.refresh()  # another process may have filled it
    layers, dim = space.shape or (0, 0)
    return len(contents), layers, dim


def _parts(
    space: "FeatureSpace", contents: Sequence[str], shape: tuple[int, int, int]
) -> Iterator[tuple[slice, Floats32]]:
    for rows in blocks(shape, _BLOCK):
        yield rows, space.mean(contents[rows])
