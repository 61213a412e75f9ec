"""Fixtures and rules for every test: no user folder, no network, no silent skip.

Among the fixtures is a web server on this machine that behaves as told.
"""

import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# One thread per process, set before anything imports torch or numpy: results do not depend on the
# machine's core count, and pytest-xdist's workers do not fight for the cores.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# The reasons for which a test may skip where skips are errors (--strict-skips). Each names
# something that the machine lacks; a missing Python package is not among them, because the `test`
# and `functionals` extras install all of them.
ALLOWED_SKIPS = (
    "needs a GPU",
    "needs the network",
    "needs the shared corpora",
    "needs another platform",
    "slow",
)


def pytest_runtest_setup() -> None:
    """Take speechbrain's stand-ins for moved modules out of ``sys.modules``.

    They import what we have not got (k2) when anything looks at them, and hypothesis looks at every
    module's file. Whatever test imported speechbrain in this process, the next must not care.
    """
    if "speechbrain" in sys.modules:
        for name, module in list(sys.modules.items()):
            if type(module).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
                del sys.modules[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        default=os.environ.get("PARALBENCH_STRICT_SKIPS", "") not in ("", "0"),
        help="fail a test that skips, unless its reason begins with one of: "
        + ", ".join(map(repr, ALLOWED_SKIPS)),
    )


def pytest_configure(config: pytest.Config) -> None:
    try:
        from hypothesis import settings
    except ImportError:
        return
    # The same examples in every run; a machine under load is no reason to fail.
    settings.register_profile("paralbench", derandomize=True, deadline=None, database=None)
    settings.load_profile("paralbench")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report: pytest.TestReport = yield
    return _refuse_skip(report, item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report: pytest.CollectReport = yield
    return _refuse_skip(report, collector.config)


def _refuse_skip(report, config: pytest.Config):
    """Turn an unexplained skip into a failure where skips are strict."""
    if not config.getoption("--strict-skips") or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED_SKIPS):
        report.outcome = "failed"
        report.longrepr = (
            f"skipped with the reason {reason!r}; under --strict-skips a reason must begin with "
            f"one of: {', '.join(map(repr, ALLOWED_SKIPS))} (tests/conftest.py)"
        )
    return report


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's folders, settings and terminal out of the tests, and of what they start."""
    homes = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        # For fixtures of wider scope than a test; each test then gets a home of its own.
        patch.setenv("PARALBENCH_HOME", str(homes / "session"))
        patch.setenv("PARALBENCH_CONFIG", str(homes / "no-settings.yaml"))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "120")
        for variable in ("PARALBENCH_CORPORA", "FORCE_COLOR", "GITHUB_ACTIONS"):
            patch.delenv(variable, raising=False)
        yield homes


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def paralbench_home(_own_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh PARALBENCH_HOME (not yet created), so that no test touches the user's cache."""
    home = _own_environment / f"test-{next(_numbers)}"
    monkeypatch.setenv("PARALBENCH_HOME", str(home))
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def kept_home(
    paralbench_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A PARALBENCH_HOME whose downloads outlive the test, for tests marked ``network``.

    It is $PARALBENCH_TEST_HOME, else one folder per session.
    """
    given = os.environ.get("PARALBENCH_TEST_HOME")
    home = Path(given) if given else tmp_path_factory.getbasetemp() / "kept-home"
    monkeypatch.setenv("PARALBENCH_HOME", str(home))
    return home


@pytest.fixture(params=["file", "memory"])
def remote(request: pytest.FixtureRequest, tmp_path: Path):
    """An empty address: a folder, or a store of this process's memory."""
    from paralbench.storage.remote import Remote

    if request.param == "file":
        return Remote(f"file://{tmp_path}/there")
    return Remote(f"memory://{uuid.uuid4().hex}/there")


@dataclass
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def command_line() -> Callable[..., Result]:
    """``command_line(*arguments)``: the command line in this process, a second sooner than one."""
    from typer.testing import CliRunner

    from paralbench.cli.main import app
    from paralbench.errors import ParalbenchError

    def run(*arguments, check=None):
        done = CliRunner().invoke(app, [*map(str, arguments)])
        result = Result(done.exit_code, done.stdout, done.stderr)
        if isinstance(done.exception, ParalbenchError):  # main() prints it and exits with 2
            result = Result(2, done.stdout, done.stderr + str(done.exception))
        elif done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert check in (None, result.code), result.out + result.err
        return result

    return run


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that reaches beyond this machine, unless it is marked ``network``.

    The processes that a test starts are told to stay offline; only pip and the model hub listen.
    """
    if request.node.get_closest_marker("network"):
        if hub := sys.modules.get("huggingface_hub.constants"):  # read when it was imported
            monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
        return
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        beyond = self.family != socket.AF_UNIX and self.type & socket.SOCK_STREAM
        if beyond and not _is_here(address[0]):
            self.close()
            pytest.fail(f"connects to {address!r} but is not marked 'network'")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def shared_corpora() -> Path:
    """The folder of real corpora (nemo, urdu, baved): $PARALBENCH_TEST_CORPORA or beside us."""
    given = os.environ.get("PARALBENCH_TEST_CORPORA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip(f"needs the shared corpora: no folder {folder} ($PARALBENCH_TEST_CORPORA)")
    return folder


@pytest.fixture(scope="session")
def shared_labels() -> Path:
    """The folder of real label files without audio: $PARALBENCH_TEST_LABELS or beside us."""
    given = os.environ.get("PARALBENCH_TEST_LABELS")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "labels"
    if not folder.is_dir():
        pytest.skip(f"needs the shared corpora: no folder {folder} ($PARALBENCH_TEST_LABELS)")
    return folder


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run code in a fresh interpreter.

    Call it as ``run_python(code, *arguments, env={...}, check=True, timeout=120)``; ``env`` is
    added to the environment. The result has ``stdout``, ``stderr`` and ``returncode``; with
    ``check`` a failing process fails the test and shows what it printed.
    """

    def run(
        code: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        check: bool = True,
        timeout: float = 120,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=timeout,
            cwd=cwd,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    return run


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
        headers: sent with every file; an If-Range that names another version gets the whole file.
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
    headers: dict[str, str] = field(default_factory=dict)
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
            same = self.headers.get("If-Range") in (None, *state.headers.values())
            if wanted and same and not state.ignore_range:
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
            for name, value in state.headers.items():
                self.send_header(name, value)
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


@pytest.fixture
def small_disk(tmp_path: Path):
    """A real file system of 1 MiB; needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs another platform: no mount command")
    if done.returncode:
        pytest.skip("needs another platform: the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
