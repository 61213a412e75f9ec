"""Audio decoded once, for all upstreams, tasks and runs."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from paralbench import paths
from paralbench.audio.audit import UnusableAudioError
from paralbench.audio.decode import SAMPLE_RATE, Waveform, current_decoders, decode
from paralbench.audio.duplicates import flag_duplicates
from paralbench.audio.files_index import FileKey, FilesIndex, Finding
from paralbench.audio.pcm import canonical, content_hash, to_float
from paralbench.audio.segments import Segment
from paralbench.storage.keyed import RaggedStore

# A shard of decoded audio: about half an hour at 16 bits. What a kill can cost, at most.
SHARD_BYTES = 64 * 2**20
_SHARD_FILES = 10_000
_MOST_WORKERS = 8

# These may be other tomorrow, without the file changing: a disk mounted, a library updated.
_NOT_KEPT = ("missing", "unreadable")

Decoded = tuple[Finding, np.ndarray | None]


class AudioCache:
    """Decoded audio by content, and what is known of the files it came from.

    Several processes may use one folder. Audio is stored under the sha256 of its samples, so the
    same recording in two corpora, or as wav and as flac, is stored once and has one name.

    Args:
        folder: created on the first write; by default the user's cache.
        workers: files decoded at the same time; by default the processors, at most 8.
        shard_bytes: decoded audio is written whenever this much is there.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        workers: int | None = None,
        shard_bytes: int = SHARD_BYTES,
    ):
        self.folder = Path(folder) if folder is not None else paths.audio_home()
        self._workers = workers or min(_MOST_WORKERS, _processors())
        self._shard_bytes = shard_bytes
        self._store = RaggedStore(self.folder / "pcm")

    def __contains__(self, content: str) -> bool:
        return content in self._store

    def prepare(
        self,
        manifest_root: Path,
        requests: Sequence[Segment],
        progress: Callable[[int, int], None] | None = None,
    ) -> pd.DataFrame:
        """Decode and check what is not known yet.

        Args:
            manifest_root: the folder that the paths of the requests are relative to.
            requests: the utterances.
            progress: called with the numbers of files decoded and to be decoded.

        Returns:
            One row per request, in order: ``utterance``; ``content``, the sha256 of the 16 kHz
            samples, None if excluded; ``samples``, ``seconds``, ``peak``, ``rms`` (full scale is
            1; missing if excluded); ``original_rate``, ``channels`` (missing if the file cannot be
            opened); ``reason``, None or why it is excluded; ``detail`` for a person; ``flags``
            joined by commas. ``duplicate-content`` is among these requests.

        Raises:
            StoreError: the cache cannot be written. What was written is kept.
        """
        root = Path(manifest_root).resolve()
        index = FilesIndex(self.folder / "files", root, current_decoders())
        self._store.refresh()
        keys = [_file_key(root, request) for request in requests]
        findings = [index.get(key) for key in keys]
        contents = (known.content for known in findings if known and known.content is not None)
        gone = set(self._store.missing(contents))
        jobs: dict[FileKey, list[int]] = {}  # what to decode, and for which requests
        for position, (key, known) in enumerate(zip(keys, findings, strict=True)):
            if known is None or known.content in gone:
                jobs.setdefault(key, []).append(position)
        for key, finding in self._decode(root, index, list(jobs), progress):
            for position in jobs[key]:
                findings[position] = finding
        return _frame(requests, [finding for finding in findings if finding is not None])

    def known(self, manifest_root: Path, requests: Sequence[Segment]) -> list[Finding | None]:
        """What earlier calls of :meth:`prepare` found, in order, without decoding anything.

        None where nothing is known, or the file has changed. Audio whose samples were deleted
        since is known too.
        """
        root = Path(manifest_root).resolve()
        index = FilesIndex(self.folder / "files", root, current_decoders())
        return [index.get(_file_key(root, request)) for request in requests]

    def files(self, contents: Iterable[str]) -> list[Path]:
        """The shards that hold the samples with these names."""
        return self._store.files(contents)

    def waveform(self, content: str) -> np.ndarray:
        """The samples with this name: a new array ``(n,)`` float32, 16 kHz mono.

        Raises:
            StoreError: there are none; prepare the corpus again.
        """
        if content not in self._store:
            self._store.refresh()  # another process may have decoded it
        return to_float(self._store.get(content))

    def _decode(
        self,
        root: Path,
        index: FilesIndex,
        keys: Sequence[FileKey],
        progress: Callable[[int, int], None] | None,
    ) -> Iterator[tuple[FileKey, Finding]]:
        """Decode in threads, in order, and write in bounded portions.

        Threads are enough: libsndfile, FFmpeg, soxr and hashing all release Python's lock.
        """
        batch = _Batch(self._store, index)
        try:
            for done, (key, (finding, pcm)) in enumerate(self._results(root, keys), start=1):
                batch.add(key, finding, pcm)
                if batch.nbytes >= self._shard_bytes or len(batch) >= _SHARD_FILES:
                    batch.write()
                yield key, finding
                if progress:
                    progress(done, len(keys))
        finally:
            batch.write()  # also when interrupted
        if keys:
            index.merge()

    def _results(self, root: Path, keys: Sequence[FileKey]) -> Iterator[tuple[FileKey, Decoded]]:
        with ThreadPoolExecutor(self._workers) as pool:
            running: deque[tuple[FileKey, Future[Decoded]]] = deque()
            for key in keys:
                running.append((key, pool.submit(_examine, root, key)))
                # Bounded, so that decoded audio does not pile up in memory.
                if len(running) >= 4 * self._workers:
                    first, future = running.popleft()
                    yield first, future.result()
            for first, future in running:
                yield first, future.result()


class _Batch:
    """Decoded audio that is not yet on the disk."""

    def __init__(self, store: RaggedStore, index: FilesIndex):
        self._store, self._index = store, index
        self._pcm: dict[str, np.ndarray] = {}
        self._findings: dict[FileKey, Finding] = {}
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._findings)

    def add(self, key: FileKey, finding: Finding, pcm: np.ndarray | None) -> None:
        content = finding.content
        if finding.reason not in _NOT_KEPT:
            self._findings[key] = finding
        if content is None or pcm is None or content in self._pcm or content in self._store:
            return
        self._pcm[content] = pcm
        self.nbytes += pcm.nbytes

    def write(self) -> None:
        """Write the audio, then the findings that refer to it."""
        pcm, findings = self._pcm, self._findings
        self._pcm, self._findings, self.nbytes = {}, {}, 0
        if pcm:
            self._store.refresh()
            contents = self._store.missing(pcm)  # another process may have been at it
            self._store.append(contents, [pcm[content] for content in contents])
        self._index.add(findings)


def _processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _file_key(root: Path, request: Segment) -> FileKey:
    size, mtime_ns = _stat(f"{root}/{request.path}")
    return FileKey(request.path, size, mtime_ns, request.start, request.end)


def _stat(path: str) -> tuple[int, int]:
    """Size and time of change; (-1, -1) for a file that cannot be seen, which is not kept."""
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _examine(root: Path, key: FileKey) -> Decoded:
    """Decode one request; runs in a thread."""
    path = root / key.path
    try:
        finding, pcm = _found(decode(path, key.start, key.end))
    except UnusableAudioError as error:
        finding, pcm = _excluded(error), None
    if finding.reason not in _NOT_KEPT and _stat(str(path)) != (key.size, key.mtime_ns):
        change = UnusableAudioError(path, "unreadable", "it changed while it was read; run again")
        return _excluded(change), None
    return finding, pcm


def _found(waveform: Waveform) -> Decoded:
    samples = waveform.samples
    pcm = canonical(samples)
    finding = Finding(
        content=content_hash(pcm),
        samples=len(samples),
        peak=float(np.abs(samples).max()),
        rms=float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))),
        original_rate=waveform.original_rate,
        channels=waveform.channels,
        reason=None,
        detail=waveform.detail,
        flags=",".join(waveform.flags),
        decoder=waveform.decoder,
    )
    return finding, pcm


def _excluded(error: UnusableAudioError) -> Finding:
    return Finding(
        content=None,
        samples=0,
        peak=None,
        rms=None,
        original_rate=error.original_rate,
        channels=error.channels,
        reason=error.reason,
        detail=error.detail,
        flags="",
        decoder=error.decoder,
    )


def _frame(requests: Sequence[Segment], findings: Sequence[Finding]) -> pd.DataFrame:
    def integers(name: str) -> "pd.api.extensions.ExtensionArray":
        return pd.array([getattr(finding, name) for finding in findings], dtype="Int64")

    def column(name: str, dtype: str) -> pd.Series:
        # Words as objects, so that None stays None.
        return pd.Series([getattr(finding, name) for finding in findings], dtype=dtype)

    samples = [finding.samples if finding.reason is None else None for finding in findings]
    frame = pd.DataFrame(
        {
            "utterance": [request.utterance for request in requests],
            "content": column("content", "object"),
            "samples": pd.array(samples, dtype="Int64"),
            "seconds": pd.Series(samples, dtype="float64") / SAMPLE_RATE,
            "peak": column("peak", "float64"),
            "rms": column("rms", "float64"),
            "original_rate": integers("original_rate"),
            "channels": integers("channels"),
            "reason": column("reason", "object"),
            "detail": column("detail", "object"),
            "flags": column("flags", "object"),
        }
    )
    return flag_duplicates(frame)
