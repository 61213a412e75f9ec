"""The sha256 of a checkpoint: over every file that matters, remembered by size and time.

Hashing a gigabyte takes seconds, and every feature key needs the checksum. So it is kept beside
the weights, one small file per checkpoint file, and used as long as path, size and modification
time are the same.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from paralbench import paths
from paralbench.errors import StoreError, WeightsError
from paralbench.storage.atomic import write_file
from paralbench.storage.downloads import sha256_of


def files_sha256(files: Iterable[Path], home: Path | None = None) -> str:
    """One sha256 over the names and contents of files, independent of their order.

    Args:
        files: the files; their base names enter the checksum, their folders do not.
        home: where checksums are remembered; by default the weights' home.

    Raises:
        WeightsError: a file cannot be read.
    """
    rows = sorted(f"{file.name} {file_sha256(file, home)}\n" for file in files)
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def file_sha256(file: Path, home: Path | None = None) -> str:
    """The sha256 of one file, read only if it is new or has changed.

    Raises:
        WeightsError: the file cannot be read.
    """
    folder = (home or paths.weights_home()) / ".checksums"
    try:
        real = file.resolve(strict=True)
        status = real.stat()
        stamp = {"path": str(real), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        name = hashlib.sha256(str(real).encode()).hexdigest()[:32] + ".json"
        known = _remembered(folder / name, stamp)
        if known is not None:
            return known
        digest = sha256_of(real)
    except OSError as error:
        raise WeightsError(f"{file}: cannot be read: {error.strerror or error}.") from None
    # A home that cannot be written costs the time of hashing again, nothing else.
    with suppress(StoreError):
        write_file(folder, name, json.dumps({**stamp, "sha256": digest}).encode())
    return digest


def _remembered(file: Path, stamp: dict[str, str | int]) -> str | None:
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or any(kept.get(key) != stamp[key] for key in stamp):
        return None
    digest = kept.get("sha256")
    return digest if isinstance(digest, str) and len(digest) == 64 else None
