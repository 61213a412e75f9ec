"""Checkpoints of a model hub: from the local cache, else downloaded.

Of a transformers folder only configuration and weights are fetched, and of several weight files
the first of safetensors and ``.bin``; of another repository the files that the card names. A hub
that cannot be reached is asked once, with a short timeout, before anything that would retry.

A card without a commit takes the one snapshot that the cache holds, else the newest commit.
"""

import errno
import logging
import re
from pathlib import Path
from typing import cast

from paralbench.cards.upstream import HubWeights
from paralbench.errors import WeightsError
from paralbench.upstreams import checkpoints

TIMEOUT_SECONDS = 10.0

_FULL = {errno.ENOSPC, errno.EDQUOT}

_log = logging.getLogger(__name__)


def find_on_hub(source: HubWeights, *, fetch: bool) -> Path:
    """The snapshot of a repository in the hub's cache; its folder's name is the commit.

    Args:
        source: repository, commit and files.
        fetch: whether the hub may be asked for what the cache lacks.

    Raises:
        WeightsError: not in the cache and not to be had.
    """
    cached = _cached(source)
    if source.revision is not None:
        here = [folder for folder in cached if folder.name == source.revision]
    else:
        here = cached if len(cached) == 1 else []
    if here:
        return here[0]
    others = _others(source, cached)
    if not fetch:
        raise WeightsError(
            f"{_name(source)} is not in the hub's cache, and fetching is off{others}"
        )
    return _download(source, others)


def _others(source: HubWeights, cached: list[Path]) -> str:
    """What the cache holds instead, for messages."""
    commits = ", ".join(folder.name for folder in cached)
    if not commits:
        return ""
    if source.revision is None:
        return f"; the cache holds several commits ({commits}): name one of them on the card"
    return f"; the cache holds it at {commits}, the card says {source.revision}"


def _cached(source: HubWeights) -> list[Path]:
    """The repository's snapshots that are whole, by commit."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=source.repository, repo_type="model")
    snapshots = Path(constants.HF_HUB_CACHE) / name / "snapshots"
    return [
        folder
        for folder in sorted(snapshots.glob("*"))
        if re.fullmatch("[0-9a-f]{40}", folder.name) and _is_whole(folder, source)
    ]


def _is_whole(folder: Path, source: HubWeights) -> bool:
    """Whether all is there; an interrupted download is continued by the hub's client."""
    if source.files:
        return all((folder / file.name).is_file() for file in source.files)
    try:
        checkpoints.weight_files(folder)
    except WeightsError:
        return False
    return (folder / checkpoints.CONFIG).is_file()


def _download(source: HubWeights, others: str) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The base of all errors of whatever HTTP library this release of the client uses.
    http_error = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    try:
        info = HfApi().model_info(
            source.repository, revision=source.revision, timeout=TIMEOUT_SECONDS
        )
        commit = source.revision or info.sha
        if commit is None:
            raise WeightsError(f"{_name(source)}: the hub does not tell which commit that is")
        present = {file.rfilename for file in info.siblings or ()}
        folder = snapshot_download(
            source.repository,
            revision=commit,
            allow_patterns=_wanted(present, source),
            etag_timeout=TIMEOUT_SECONDS,
        )
    except (http_error, OSError, ValueError) as error:
        if getattr(error, "errno", None) in _FULL:
            raise WeightsError(
                f"{_name(source)} cannot be fetched: the disk or quota of {constants.HF_HUB_CACHE} "
                "is full. Free some space, or set HF_HOME to a folder on a larger disk; what has "
                "arrived is kept"
            ) from None
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{_name(source)} cannot be fetched from the hub: {reason}{others}"
        ) from None
    if source.revision is None:
        _log.warning(
            "%s: the card names no commit; the newest was fetched, %s", source.repository, commit
        )
    return Path(folder)


def _wanted(present: set[str], source: HubWeights) -> list[str]:
    """The files to download, of those that the repository has."""
    if source.files:
        names = [file.name for file in source.files]
        if missing := [name for name in names if name not in present]:
            raise WeightsError(f"{_name(source)} holds no file {', '.join(missing)}")
        return names
    configs = [name for name in (checkpoints.CONFIG, checkpoints.PREPROCESSOR) if name in present]
    for whole, index in zip(checkpoints.WEIGHTS, checkpoints.INDICES, strict=True):
        if whole in present:
            return [*configs, whole]
        if index in present:
            stem, _, suffix = whole.rpartition(".")
            return [*configs, index, f"{stem}-*-of-*.{suffix}"]
    raise WeightsError(f"{_name(source)} holds none of {', '.join(checkpoints.WEIGHTS)}")


def _name(source: HubWeights) -> str:
    commit = source.revision[:12] if source.revision else "its newest commit"
    return f"{source.repository} at {commit}"
