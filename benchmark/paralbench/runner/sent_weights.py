"""An upstream's weights on a machine that was sent them."""

from dataclasses import replace

from paralbench import paths
from paralbench.features.travelling import WEIGHTS, Wanted
from paralbench.runner.upstream import Upstream
from paralbench.upstreams.fingerprint import file_sha256


def weights_to_send(upstream: Upstream) -> list[Wanted]:
    """The files of an upstream's weights; none of code without weights.

    Raises:
        WeightsError: a file cannot be read.
    """
    weights = upstream.weights
    if weights.folder is None:
        return []
    return [
        Wanted(
            f"{WEIGHTS}/{weights.sha256}/{file.relative_to(weights.folder).as_posix()}",
            file,
            file_sha256(file),
        )
        for file in weights.files
    ]


def take_sent_weights(upstream: Upstream) -> None:
    """Let an upstream that came from another machine find its weights in this one's home."""
    weights = upstream.weights
    if weights.folder is not None and weights.files:
        folder = paths.home() / WEIGHTS / weights.sha256
        files = tuple(folder / file.relative_to(weights.folder) for file in weights.files)
        upstream.weights = replace(weights, folder=folder, files=files)
