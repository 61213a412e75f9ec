"""Checkpoints of a model hub at a pinned commit: from the local cache, else downloaded.

Only configuration and weights are fetched, and of several weight files the first of safetensors
and ``.bin``. A hub that cannot be reached is asked once, with a short timeout, before anything
that would retry.
"""

import shlex
from pathlib import Path
from typing import cast

from paralbench.cards.upstream import HubWeights
from paralbench.errors import WeightsError
from paralbench.upstreams import checkpoints
from paralbench.upstreams.fingerprint import file_sha256

TIMEOUT_SECONDS = 10.0


def find_on_hub(source: HubWeights, *, fetch: bool, home: Path | None = None) -> Path:
    """The folder of a checkpoint in the hub's cache.

    Args:
        source: repository and commit.
        fetch: whether the hub may be asked for what the cache lacks.
        home: where checksums are remembered.

    Raises:
        WeightsError: not in the cache and not to be had, or of another checksum than the card's.
    """
    folder = _cached(source)
    if folder is None and not fetch:
        raise WeightsError(f"{_name(source)} is not in the hub's cache, and fetching is off")
    folder = folder or _download(source)
    if source.sha256 is not None:
        for file in checkpoints.weight_files(folder):
            if (given := file_sha256(file, home)) != source.sha256:
                raise WeightsError(
                    f"{file}: has sha256 {given}, the card says {source.sha256}. Delete it and "
                    "fetch it again"
                )
    return folder


def by_hand(source: HubWeights, folder: Path | str) -> str:
    """The command that fetches the checkpoint on a machine that reaches the hub."""
    files = [checkpoints.CONFIG, checkpoints.PREPROCESSOR, *checkpoints.WEIGHTS]
    arguments = " ".join(f"--include {file}" for file in files)
    return (
        f"hf download {source.repository} --revision {source.revision} {arguments} "
        f"--local-dir {shlex.quote(str(folder))}"
    )


def _cached(source: HubWeights) -> Path | None:
    """The checkpoint's folder, if the cache holds all of it."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source.repository, checkpoints.CONFIG, revision=source.revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        checkpoints.weight_files(folder)
    except WeightsError:
        return None  # an interrupted download; the hub's client continues it
    return folder


def _download(source: HubWeights) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The base of all errors of whatever HTTP library this release of the client uses.
    http_error = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    try:
        info = HfApi().model_info(
            source.repository, revision=source.revision, timeout=TIMEOUT_SECONDS
        )
        present = {file.rfilename for file in info.siblings or ()}
        folder = snapshot_download(
            source.repository,
            revision=source.revision,
            allow_patterns=_wanted(present, source),
            etag_timeout=TIMEOUT_SECONDS,
        )
    except (http_error, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{_name(source)} cannot be fetched from the hub: {reason}") from None
    return Path(folder)


def _wanted(present: set[str], source: HubWeights) -> list[str]:
    """The files to download, of those that the repository has."""
    configs = [name for name in (checkpoints.CONFIG, checkpoints.PREPROCESSOR) if name in present]
    for whole, index in zip(checkpoints.WEIGHTS, checkpoints.INDICES, strict=True):
        if whole in present:
            return [*configs, whole]
        if index in present:
            stem, _, suffix = whole.rpartition(".")
            return [*configs, index, f"{stem}-*-of-*.{suffix}"]
    raise WeightsError(f"{_name(source)} holds none of {', '.join(checkpoints.WEIGHTS)}")


def _name(source: HubWeights) -> str:
    return f"{source.repository} at {source.revision[:12]}"
