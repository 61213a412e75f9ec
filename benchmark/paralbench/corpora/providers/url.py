"""Files from an address, continued where a download stopped."""

import contextlib
import http.client
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from paralbench import __version__
from paralbench.cards.corpus import UrlSource
from paralbench.corpora.providers.archives import is_archive, unpack
from paralbench.corpora.providers.downloads import Downloads
from paralbench.errors import FetchError

_BLOCK = 1 << 20
_TRY_AGAIN = (408, 429, 500, 502, 503, 504)


def provide(
    source: UrlSource, into: Path, downloads: Downloads, tell: Callable[[str], None]
) -> str:
    """Download every file; archives are unpacked, other files copied as they are.

    Raises:
        FetchError: see :func:`download`; or an archive is damaged or not safe to unpack.
    """
    for one in source.files:
        name = PurePosixPath(unquote(urlsplit(one.url).path)).name or "download"
        file = download(one.url, one.sha256, downloads, tell)
        tell(f"unpacking {name}")
        if is_archive(name):
            unpack(file, name, into, "" if source.folder == "." else source.folder)
        else:
            shutil.copyfile(file, into / name)
    return source.folder


def download(
    url: str,
    sha256: str,
    downloads: Downloads,
    tell: Callable[[str], None],
    *,
    timeout: float = 30.0,
    tries: int = 4,
    pause: float = 1.0,
) -> Path:
    """Download one file, or find it among the downloads.

    What has arrived stays in ``SHA.part`` whatever happens, and the next call continues there.

    Args:
        url: an http or https address.
        sha256: what the file must be.
        downloads: where it is kept.
        tell: called with a line of text now and then.
        timeout: seconds without a byte before a connection is given up.
        tries: connections that may break before the download is given up.
        pause: seconds before the second try; doubled each time.

    Raises:
        FetchError: the server cannot be reached, does not have the file, stops sending, or sends
            a file of another checksum.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{url}: only http and https addresses are fetched.")
    with downloads.lock(sha256):
        kept = downloads.get(sha256)
        if kept is not None:
            return kept
        part = downloads.part(sha256)
        continued = part.is_file() and part.stat().st_size > 0
        _complete(url, part, tell, timeout, tries, pause)
        try:
            return downloads.keep(part, sha256, url)
        except FetchError:
            if not continued:
                raise
        tell(f"{url}: the begun download does not fit; beginning anew")
        _complete(url, part, tell, timeout, tries, pause)
        return downloads.keep(part, sha256, url)


def _complete(
    url: str, part: Path, tell: Callable[[str], None], timeout: float, tries: int, pause: float
) -> None:
    """Fill ``part`` to the end."""
    why = ""
    for attempt in range(tries):
        if attempt:
            tell(f"{url}: {why}; trying again")
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            why = _continue(url, part, tell, timeout)
            if not why:
                return
        except urllib.error.HTTPError as error:
            with error:
                why = f"the server answers {error.code} {error.reason}"
                if error.code == 416:  # nothing beyond what is here: whole, or of another file
                    return
                if error.code not in _TRY_AGAIN:
                    break
        except urllib.error.URLError as error:
            why = f"cannot be reached ({error.reason})"
            if not isinstance(error.reason, TimeoutError | ConnectionError):
                break  # no such host, or a certificate that is not valid
        except (http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
            why = f"the connection broke ({type(error).__name__})"
    arrived = part.stat().st_size if part.is_file() else 0
    more = f"; {arrived / 1e6:.1f} MB are kept and the next fetch continues there" * (arrived > 0)
    raise FetchError(f"{url}: {why}{more}.")


def _continue(url: str, part: Path, tell: Callable[[str], None], timeout: float) -> str:
    """One connection; returns why it ended early, or nothing."""
    here = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": f"paralbench/{__version__}"}
    if here:
        headers["Range"] = f"bytes={here}-"
    request = urllib.request.Request(url, headers=headers)
    with contextlib.closing(urllib.request.urlopen(request, timeout=timeout)) as answer:
        if urlsplit(answer.url).scheme not in ("http", "https"):
            raise FetchError(f"{url} leads to {answer.url}: only http and https are fetched.")
        begin, total = _span(answer, here)
        told = time.monotonic()
        # What has come is written at once: a process may be killed at any time.
        with part.open("ab" if begin else "wb", buffering=0) as sink:
            size = begin
            while block := answer.read1(_BLOCK):
                sink.write(block)
                size += len(block)
                if time.monotonic() - told > 2:
                    told = time.monotonic()
                    whole = f" of {total / 1e6:.1f}" if total else ""
                    tell(f"{url}: {size / 1e6:.1f}{whole} MB")
    if total is not None and size < total:
        return f"the connection ended after {size} of {total} bytes"
    return ""


def _span(answer, here: int) -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and the file's size where it is told."""
    if answer.status == 206:
        match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != here:
            raise FetchError(f"{answer.url}: the server answers with another part than asked for.")
        return here, None if match[2] == "*" else int(match[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length else None
