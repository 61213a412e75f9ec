"""Miniature corpora, corpus cards, and a web server on this machine that behaves as told."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paralbench.cards import CorpusCard
from paralbench.cards.catalogue import read_card, shipped_folder


@pytest.fixture
def wav() -> Callable[..., Path]:
    """Write a short tone; files of equal ``number`` have equal content."""

    def write(path: Path, number: int = 0, seconds: float = 0.05, rate: int = 16000) -> Path:
        time = np.arange(round(seconds * rate)) / rate
        path.parent.mkdir(parents=True, exist_ok=True)
        opus = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
        tone = 0.3 * np.sin(2 * np.pi * (200 + 7 * number) * time)
        soundfile.write(path, tone, rate, **opus)
        return path

    return write


@pytest.fixture
def lay(wav: Callable[..., Path]) -> Callable[..., Path]:
    """Lay out a miniature corpus: one file per name, each with other content."""

    def write(root: Path, *names: str, suffix: str = ".wav") -> Path:
        for number, name in enumerate(names):
            wav(root / f"{name}{suffix}", number)
        return root

    return write


@pytest.fixture(scope="session")
def shipped() -> Callable[[str], CorpusCard]:
    """A corpus card of ours, by id."""

    def get(id: str) -> CorpusCard:
        (card, *_) = read_card(shipped_folder() / "tasks" / "corpora" / f"{id}.yaml", "corpus")
        assert isinstance(card, CorpusCard)
        return card

    return get


@pytest.fixture(scope="session")
def make_card() -> Callable[..., CorpusCard]:
    """A corpus card for the reader, the labels and the options given."""

    def make(reader: str = "filename", id: str = "mine", **given: Any) -> CorpusCard:
        options = given.pop("options", {})
        data: dict[str, Any] = {
            "name": "A corpus for a test",
            "access": "open",
            "licence": "ours",
            "speakers": "known",
            "labels": {"emotion": {"kind": "class", "values": ["anger", "neutral"]}},
            "reader": {"name": reader, "options": options},
        }
        return CorpusCard.build(data | given, id=id)

    return make


@dataclass
class FileServer:
    """Files by path, and what goes wrong.

    Attributes:
        files: path to content.
        requests: the requests that came, as (path, Range header).
        break_after: bytes after which a connection is cut, for the first connections in turn.
        ignore_range: answer a range with the whole file.
        status: path to a status that is answered instead, for the first requests in turn.
        lengths: whether Content-Length is told.
        redirects: path to another address.
        go_on: cleared while a connection is to hang.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    ignore_range: bool = False
    status: dict[str, list[int]] = field(default_factory=dict)
    lengths: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    go_on: threading.Event = field(default_factory=threading.Event)

    def hang_after(self, size: int) -> Callable[[], None]:
        """Send so many bytes of the next answer, then wait; call what is returned to end that."""
        self.break_after = [size]
        self.go_on.clear()
        return self.go_on.set

    def add(self, path: str, content: bytes) -> tuple[str, str]:
        """Serve a file; returns its address and sha256."""
        self.files[path] = content
        return f"{self.address}{path}", hashlib.sha256(content).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A web server on this machine."""
    state = FileServer()
    state.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            if self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.end_headers()
                return
            if state.status.get(self.path):
                self.send_error(state.status[self.path].pop(0))
                return
            if self.path not in state.files:
                self.send_error(404)
                return
            content = state.files[self.path]
            begin = 0
            if wanted and not state.ignore_range:
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
                if begin >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206)
                span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
            else:
                self.send_response(200)
            body = content[begin:]
            if state.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = state.break_after.pop(0) if state.break_after else len(body)
            self.wfile.write(body[:cut])
            self.wfile.flush()
            state.go_on.wait(60)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()
