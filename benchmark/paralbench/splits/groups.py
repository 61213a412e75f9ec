"""Utterances that have to stay on one side: those of a speaker, session or recording."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.splits.columns import KINDS, identities, names_in
from paralbench.splits.fold import Positions


def keep_together(frame: pd.DataFrame, allow: Collection[str] = ()) -> Positions:
    """Number the groups of utterances that share no speaker, session or audio with another group.

    Two speakers of one session are one group, as are all that a chain of such links holds
    together. Missing values link nothing.

    Args:
        frame: utterances; columns that it lacks link nothing.
        allow: ``session`` or ``content``, where these may be on two sides; a speaker never is.

    Returns:
        the group of each row ``(n,)``, numbered in the order of the rows' smallest speaker.
    """
    # Imported here because scipy's sparse package is slow to load.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(frame)
    rows, links, size = [np.arange(0)], [np.arange(0)], n
    for kind in KINDS:
        if (kind in allow and kind != "speaker") or kind not in frame.columns:
            continue
        codes, values = pd.factorize(identities(frame, kind))
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        links.append(size + codes[known])
        size += len(values)
    ones = np.ones(sum(map(len, rows)), dtype=np.int8)
    graph = coo_array((ones, (np.concatenate(rows), np.concatenate(links))), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    names = identities(frame, "speaker") if "speaker" in frame.columns else np.full(n, None)
    smallest: dict[int, str] = {}
    for one, name in zip(labels.tolist(), names, strict=True):
        smallest[one] = min(smallest.get(one, name or ""), name or "")
    rank = {one: place for place, one in enumerate(sorted(smallest, key=lambda o: smallest[o]))}
    return np.array([rank[one] for one in labels.tolist()], dtype=np.int64)


def count_classes(
    group: Positions, label: pd.Series, classes: Collection[str] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Utterances of each class in each group, and which classes every side should have.

    Numbers are counted by quarters of their distribution, which balance the sides but which no
    side has to have.

    Returns:
        counts ``(groups, classes)`` and required ``(classes,)``.
    """
    if classes is None:
        values = label.to_numpy(dtype=np.float64)
        codes = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
        n_classes = 4
    else:
        index = {name: code for code, name in enumerate(classes)}
        codes = np.array([index[name] for name in names_in(label)], dtype=np.int64)
        n_classes = len(classes)
    counts = np.zeros((int(group.max(initial=-1)) + 1, n_classes))
    np.add.at(counts, (group, codes), 1)
    filled = counts.sum(axis=0) > 0
    return counts[:, filled], np.full(int(filled.sum()), classes is not None)
