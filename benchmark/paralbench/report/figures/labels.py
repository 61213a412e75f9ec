"""Labels beside dots, moved apart so that none covers another."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def spread(across: Floats, up: Floats, texts: list[str], *, width: float, height: float) -> Floats:
    """Heights of labels that begin at dots: as near as can be below, but not on one another.

    Args:
        across: of the dots, from 0 to 1 over the chart, ``(n,)``.
        up: the same upwards.
        texts: the labels.
        width: of a character, as a share of the chart's width.
        height: of a line, as a share of the chart's height.

    Returns:
        heights from 0 to 1 (or a little below), ``(n,)``.
    """
    found = np.array(up, dtype=float)
    ends = across + width * np.array([len(text) + 2 for text in texts])
    done: list[int] = []
    for one in np.argsort(-up, kind="stable"):
        beside = [i for i in done if across[i] < ends[one] and across[one] < ends[i]]
        for other in sorted(beside, key=lambda i: -found[i]):
            if abs(found[other] - found[one]) < height:
                found[one] = found[other] - height
        done.append(int(one))
    return found
