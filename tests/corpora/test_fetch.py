"""Fetching whole corpora."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench import paths
from paralbench.cards import CorpusCard
from paralbench.corpora.fetch import fetch, fetched
from paralbench.corpora.load import load_manifest
from paralbench.corpora.locate import locate
from paralbench.errors import CorpusNotFoundError, FetchError

Card = Callable[..., CorpusCard]

OPTIONS = {"pattern": r"(?P<speaker>[a-z]+)_(?P<emotion>\w+)"}


@pytest.fixture
def archive(lay: Callable[..., Path], tmp_path: Path) -> bytes:
    """A corpus of two clips as a zip with one top folder."""
    lay(tmp_path / "made", "ann_anger", "bob_neutral")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        for file in sorted((tmp_path / "made").iterdir()):
            bundle.write(file, f"corpus-1.0/{file.name}")
    return packed.getvalue()


def url_source(url: str, sha256: str, folder: str = "corpus-1.0") -> dict:
    return {"source": "url", "files": [{"url": url, "sha256": sha256}], "folder": folder}


MANUAL = {"source": "manual", "steps": ["Sign the agreement.", "Unpack it."]}


def test_fetch_then_locate_then_read(server, archive: bytes, make_card: Card):
    url, sha256 = server.add("/corpus.zip", archive)
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    assert fetched(card) is None
    with pytest.raises(CorpusNotFoundError, match="Fetch it: paralbench corpora fetch mine"):
        locate(card)
    told: list[str] = []
    root = fetch(card, progress=told.append)
    assert root.name == "corpus-1.0"
    assert root.is_relative_to(paths.corpora_home() / "mine")
    assert told[-1] == f"mine: ready in {root}"
    assert fetched(card) == locate(card) == fetch(card) == root
    assert load_manifest(card, root).frame["utterance"].tolist() == ["ann_anger", "bob_neutral"]
    assert len(server.requests) == 1


def test_another_home(server, archive: bytes, make_card: Card, tmp_path: Path):
    url, sha256 = server.add("/corpus.zip", archive)
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    root = fetch(card, home=tmp_path / "home")
    assert root.is_relative_to(tmp_path / "home" / "corpora" / "mine")
    assert (tmp_path / "home" / "downloads" / sha256).is_file()
    assert fetched(card) is None


def test_the_next_source_is_tried(server, archive: bytes, make_card: Card):
    url, sha256 = server.add("/corpus.zip", archive)
    gone = url_source(f"{server.address}/gone.zip", "1" * 64)
    card = make_card(options=OPTIONS, sources=[gone, url_source(url, sha256)])
    told: list[str] = []
    assert fetch(card, progress=told.append).is_dir()
    assert any("the server answers 404" in line for line in told)


def test_every_failure_is_told_with_the_steps_by_hand(server, archive: bytes, make_card: Card):
    url, sha256 = server.add("/corpus.zip", archive)
    sources = [
        url_source(f"{server.address}/gone.zip", "1" * 64),
        url_source(url, "2" * 64),
        url_source(url, sha256, folder="corpus-2.0"),
        MANUAL,
    ]
    with pytest.raises(FetchError) as error:
        fetch(make_card(options=OPTIONS, sources=sources))
    message = str(error.value)
    for part in (
        "the server answers 404",
        f"sha256 {sha256}, expected {'2' * 64}",
        "no folder corpus-2.0",
        "(1) Sign the agreement. (2) Unpack it.",
        "--root mine=DIR",
    ):
        assert part in message


def test_a_corpus_to_be_asked_for_gives_the_steps(make_card: Card):
    card = make_card(access="agreement", licence="Academic use.", sources=[MANUAL])
    with pytest.raises(CorpusNotFoundError) as error:
        fetch(card)
    assert "by a program (agreement; Academic use)." in str(error.value)
    assert "(1) Sign the agreement. (2) Unpack it." in str(error.value)
    assert "called mine, into one that $PARALBENCH_CORPORA lists" in str(error.value)


def test_a_card_without_sources(make_card: Card):
    with pytest.raises(CorpusNotFoundError, match="its card names no source"):
        fetch(make_card())


def test_nothing_half_is_left(server, make_card: Card):
    url, sha256 = server.add("/corpus.zip", b"PK\x03\x04 and then nothing of use")
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    with pytest.raises(FetchError, match="damaged"):
        fetch(card)
    assert [path.name for path in (paths.corpora_home() / "mine").iterdir()] == [".lock"]
    assert fetched(card) is None


def test_a_new_checksum_is_a_new_folder(server, archive: bytes, make_card: Card):
    url, sha256 = server.add("/corpus.zip", archive)
    old = fetch(make_card(options=OPTIONS, sources=[url_source(url, sha256)]))
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as bundle:
        bundle.writestr("corpus-1.0/cid_anger.wav", "sound")
    url, sha256 = server.add("/corpus.zip", packed.getvalue())
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    assert fetched(card) is None
    new = fetch(card)
    assert new != old
    assert old.is_dir(), "a run that reads the old one goes on"


def test_a_damaged_marker_means_fetching_again(server, archive: bytes, make_card: Card):
    url, sha256 = server.add("/corpus.zip", archive)
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    root = fetch(card)
    (root.parent / ".paralbench.json").write_text("{")
    (root / "ann_anger.wav").unlink()
    assert fetched(card) is None
    assert (fetch(card) / "ann_anger.wav").is_file()
    assert len(server.requests) == 1, "the download was kept"


def test_a_home_that_cannot_be_written(server, archive: bytes, make_card: Card, tmp_path: Path):
    url, sha256 = server.add("/corpus.zip", archive)
    (tmp_path / "home").write_text("a file where a folder should be")
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    with pytest.raises(FetchError, match="cannot write"):
        fetch(card, home=tmp_path / "home")


FETCH = """
import sys
from pathlib import Path
from paralbench.cards.catalogue import read_card
from paralbench.corpora.fetch import fetch
print(fetch(read_card(Path(sys.argv[1]), "corpus")[0]))
"""


@pytest.fixture
def card_file(server, archive: bytes, make_card: Card, tmp_path: Path) -> Path:
    import yaml

    url, sha256 = server.add("/corpus.zip", archive)
    card = make_card(options=OPTIONS, sources=[url_source(url, sha256)])
    content = {key: value for key, value in card.content().items() if value and key != "id"}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_two_processes_at_once(server, card_file: Path):
    running = [
        subprocess.Popen([sys.executable, "-c", FETCH, str(card_file)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=60)[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    assert len(said) == 1
    assert len(server.requests) == 1


def test_a_killed_fetch_leaves_no_lock_and_no_litter(
    server, card_file: Path, paralbench_home: Path
):
    # The server sends half and then waits until the process is gone.
    release = server.hang_after(200)
    killed = subprocess.Popen([sys.executable, "-c", FETCH, str(card_file)])
    downloads = paralbench_home / "downloads"
    until = time.monotonic() + 60
    while time.monotonic() < until and not any(
        one.stat().st_size == 200 for one in downloads.glob("*.part")
    ):
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    release()
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(card_file)], capture_output=True, text=True, check=True
    )
    root = Path(done.stdout.strip())
    assert (root / "ann_anger.wav").is_file()
    assert server.requests[-1][1] == "bytes=200-"
    assert sorted(path.name for path in root.parents[1].iterdir()) == [".lock", root.parent.name]
