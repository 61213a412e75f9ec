"""The floors under every task: what a probe reaches that has not listened."""

import numpy as np
import numpy.typing as npt

from paralbench.errors import ProbeError
from paralbench.probes.jobs import Index
from paralbench.probes.result import ProbeResult
from paralbench.probes.target import Target


def majority(target: Target, train: Index, test: Index) -> ProbeResult:
    """Always the most frequent training class (the first of equals), or the training mean.

    Its class probabilities are the shares of the training classes.

    Raises:
        ProbeError: the training utterances cannot teach anything.
    """
    target.check(train)
    values = target.values[train]
    if target.kind == "classes":
        shares = np.bincount(values.astype(np.int64), minlength=target.n_classes) / len(values)
        prediction = np.full((1, len(test)), int(shares.argmax()))
        probability = np.broadcast_to(shares, (1, len(test), len(shares))).copy()
    else:
        prediction, probability = np.full((1, len(test)), float(values.mean())), None
    return ProbeResult(
        layer="mix",
        selection="none",
        seeds=(0,),
        prediction=prediction,
        probability=probability,
        choices=(),
        layer_weights=np.ones((1, 1)),
        development=(),
        n_train=len(train),
    )


def duration_features(seconds: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The logarithm of each clip's length, as features ``(n, 1, 1)``.

    Raises:
        ProbeError: a length is not positive.
    """
    given = np.asarray(seconds, dtype=np.float64)
    if not (given > 0).all():
        raise ProbeError("a clip's length is not positive.")
    return np.log(given).astype(np.float32)[:, None, None]
