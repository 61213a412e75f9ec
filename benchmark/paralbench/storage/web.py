"""Files from an address, continued where a download stopped."""

import contextlib
import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from paralbench import __version__
from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads, sha256_of

_BLOCK = 1 << 20
_BROKEN = (ssl.SSLError, TimeoutError, ConnectionError)
_TRY_AGAIN = (408, 429, 500, 502, 503, 504)


def download(
    url: str,
    sha256: str | None,
    downloads: Downloads,
    tell: Callable[[str], None],
    *,
    schemes: tuple[str, ...] = ("http", "https"),
    timeout: float = 30.0,
    tries: int = 4,
    pause: float = 1.0,
) -> Path:
    """Download one file, or find it among the downloads.

    What has arrived stays in the downloads whatever happens, and the next call continues there.
    A file without a known checksum is continued only if the server says that it is the same.

    Args:
        url: the address.
        sha256: what the file must be; None where that is not known.
        downloads: where it is kept.
        tell: called with a line of text now and then.
        schemes: of addresses that are fetched, redirections included.
        timeout: seconds without a byte before a connection is given up.
        tries: connections that may break before the download is given up.
        pause: seconds before the second try; doubled each time.

    Raises:
        FetchError: the server cannot be reached, does not have the file, stops sending, or sends
            a file of another checksum.
        OSError: the file cannot be written, as on a full disk.
    """
    name = sha256 or f"unpinned-{hashlib.sha256(url.encode()).hexdigest()[:32]}"
    with downloads.lock(name):
        kept = downloads.get(sha256) if sha256 else None
        if kept is not None:
            return kept
        transfer = _Transfer(url, downloads.part(name), schemes, tell, timeout, sha256 is None)
        transfer.check_scheme(url, url)
        continued = transfer.arrived > 0
        transfer.complete(tries, pause)
        if sha256 is None:
            transfer.forget()
            return downloads.keep(transfer.part, sha256_of(transfer.part), url)
        try:
            return downloads.keep(transfer.part, sha256, url)
        except FetchError:
            if not continued:
                raise
        tell(f"{url}: the begun download does not fit; beginning anew")
        transfer.complete(tries, pause)
        return downloads.keep(transfer.part, sha256, url)


@dataclass
class _Transfer:
    """One address and the file that grows from it.

    With ``guarded``, a begun file is continued only if the server's own mark of its version
    (ETag or Last-Modified, kept beside it) is still the same.
    """

    url: str
    part: Path
    schemes: tuple[str, ...]
    tell: Callable[[str], None]
    timeout: float
    guarded: bool

    @property
    def arrived(self) -> int:
        """Bytes that are here."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def _mark(self) -> Path:
        return self.part.with_suffix(".version")

    def forget(self) -> None:
        """Remove what is known of the file's version."""
        self._mark.unlink(missing_ok=True)

    def check_scheme(self, url: str, asked: str) -> None:
        """Refuse an address of another scheme.

        Raises:
            FetchError: it is not among the schemes.
        """
        if urlsplit(url).scheme not in self.schemes:
            leads = "" if url == asked else f" leads to {url}"
            allowed = " and ".join(self.schemes)
            raise FetchError(f"{asked}{leads}: only {allowed} addresses are fetched.")

    def complete(self, tries: int, pause: float) -> None:
        """Fill the file to the end.

        Raises:
            FetchError: it could not be had; the message says why and what is kept.
        """
        why = ""
        for attempt in range(tries):
            if attempt:
                self.tell(f"{self.url}: {why}; trying again")
                time.sleep(pause * 2 ** (attempt - 1))
            try:
                why = self._continue()
                if not why:
                    return
            except urllib.error.HTTPError as error:
                with error:
                    why = f"the server answers {error.code} {error.reason}"
                    if error.code == 416:  # nothing beyond what is here: whole, or another file
                        return
                    if error.code not in _TRY_AGAIN:
                        break
            except urllib.error.URLError as error:
                why = f"cannot be reached ({error.reason})"
                if not isinstance(error.reason, TimeoutError | ConnectionError):
                    break  # no such host, or a certificate that is not valid
            except (
                http.client.HTTPException,
                ssl.SSLError,
                TimeoutError,
                ConnectionError,
            ) as error:
                why = f"the connection broke ({type(error).__name__})"
        size = self.arrived
        more = f"; {size / 1e6:.1f} MB are kept and the next fetch continues there" * (size > 0)
        raise FetchError(f"{self.url}: {why}{more}.")

    def _continue(self) -> str:
        """One connection; returns why it ended early, or nothing."""
        here = self.arrived
        request = urllib.request.Request(self.url, headers=self._headers(here))
        opened = urllib.request.urlopen(request, timeout=self.timeout)
        with contextlib.closing(opened) as answer:
            self.check_scheme(answer.url, self.url)
            begin, total = _span(answer, here)
            if self.guarded and not begin:
                self.part.unlink(missing_ok=True)  # first: it is of another version
                self._mark.write_text(_version(answer), encoding="utf-8")
            told = time.monotonic()
            # What has come is written at once: a process may be killed at any time.
            with self.part.open("ab" if begin else "wb", buffering=0) as sink:
                size = begin
                while block := answer.read1(_BLOCK):
                    view = memoryview(block)
                    while view.nbytes:  # an unbuffered file may take less than it is given
                        view = view[sink.write(view) :]
                    size += len(block)
                    if time.monotonic() - told > 2:
                        told = time.monotonic()
                        whole = f" of {total / 1e6:.1f}" if total else ""
                        self.tell(f"{self.url}: {size / 1e6:.1f}{whole} MB")
        if total is not None and size < total:
            return f"the connection ended after {size} of {total} bytes"
        return ""

    def _headers(self, here: int) -> dict[str, str]:
        headers = {"User-Agent": f"paralbench/{__version__}"}
        if not here:
            return headers
        if self.guarded:
            version = self._mark.read_text(encoding="utf-8") if self._mark.is_file() else ""
            if not version:
                return headers
            headers["If-Range"] = version
        headers["Range"] = f"bytes={here}-"
        return headers


def _version(answer) -> str:
    """The server's mark of a file's version; empty where there is none that tells bytes apart."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")


def _span(answer, here: int) -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and the file's size where it is told."""
    if answer.status == 206:
        match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != here:
            raise FetchError(f"{answer.url}: the server answers with another part than asked for.")
        return here, None if match[2] == "*" else int(match[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length else None
