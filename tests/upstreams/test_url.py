"""Weights from an address: continued, checked, kept in a folder of their own."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import UrlWeights
from paralbench.errors import WeightsError
from paralbench.upstreams import web_weights
from paralbench.upstreams.weights import resolve

CONTENT = bytes(n % 253 for n in range(300_000))


def card_of(url, sha256):
    """A card with an address that cards may not have: a server of this machine has no https."""
    data = {
        "name": "tiny",
        "family": "hubert",
        "licence": "CC0-1.0",
        "weights": [{"source": "url", "url": "https://example.org/x", "sha256": sha256}],
    }
    card = UpstreamCard.build(data, id="tiny")
    source = UrlWeights.model_construct(source="url", url=url, sha256=sha256)
    return card.model_copy(update={"weights": (source,)})


@pytest.fixture
def over_http(monkeypatch):
    """Let the server of this machine be asked."""
    monkeypatch.setattr(web_weights, "SCHEMES", ("http",))


@pytest.mark.usefixtures("over_http")
def test_a_file_is_fetched_once_and_kept(server, paralbench_home):
    url, sha256 = server.add("/some%20model.pt?version=1", CONTENT)
    told = []
    found = resolve(card_of(url, sha256), tell=told.append)
    assert found.folder is not None
    assert found.folder.is_relative_to(paralbench_home / "weights" / "tiny")
    assert [file.name for file in found.folder.iterdir()] == ["some model.pt"]
    assert (found.folder / "some model.pt").read_bytes() == CONTENT
    assert (found.where, found.size) == (url, len(CONTENT))
    for fetch in (True, False):
        assert resolve(card_of(url, sha256), fetch=fetch) == found
    assert len(server.requests) == 1
    kept = {path.suffix for path in (paralbench_home / "downloads").iterdir()}
    assert kept == {".lock"}, "the weights are not kept twice"


@pytest.mark.usefixtures("over_http")
@pytest.mark.parametrize("pinned", [True, False])
def test_two_that_fetch_at_once_both_get_it(server, pinned):
    """As the nodes of a cluster do, with one home."""
    url, sha256 = server.add("/model.pt", CONTENT)
    card = card_of(url, sha256 if pinned else None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: resolve(card), range(4)))
    assert len({one.folder for one in found}) == 1
    assert {one.sha256 for one in found} == {found[0].sha256}
    assert len(server.requests) == 1


@pytest.mark.usefixtures("over_http")
def test_without_a_checksum_the_files_own_is_told(server, caplog):
    url, sha256 = server.add("/model.pt", CONTENT)
    with caplog.at_level(logging.WARNING):
        found = resolve(card_of(url, None))
    assert f"{url}: the card states no sha256; it is {sha256}" in caplog.text
    assert found.sha256 == resolve(card_of(url, sha256)).sha256


@pytest.mark.usefixtures("over_http")
def test_another_checksum_is_refused_with_both(server, paralbench_home):
    url, sha256 = server.add("/model.pt", CONTENT)
    with pytest.raises(WeightsError, match=f"sha256 {sha256}, expected {'0' * 64}"):
        resolve(card_of(url, "0" * 64))
    assert not (paralbench_home / "weights").exists()


@pytest.mark.usefixtures("over_http")
def test_a_file_that_changed_since_it_came_is_refused(server):
    url, sha256 = server.add("/model.pt", CONTENT)
    found = resolve(card_of(url, sha256))
    assert found.folder is not None
    (found.folder / "model.pt").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=f"has sha256 .*, the card says {sha256}. Delete it"):
        resolve(card_of(url, sha256))


def test_only_https_is_asked(server):
    url, sha256 = server.add("/model.pt", CONTENT)
    with pytest.raises(WeightsError, match=r"url: .*only https addresses are fetched"):
        resolve(card_of(url, sha256))
    assert not server.requests


@pytest.mark.usefixtures("over_http")
def test_an_address_out_of_reach_says_what_to_do(server):
    url, sha256 = server.add("/model.pt", CONTENT)
    del server.files["/model.pt"]
    with pytest.raises(WeightsError) as refused:
        resolve(card_of(url, sha256))
    assert "url: " + url + ": the server answers 404" in str(refused.value)
    assert f"curl --fail --location --create-dirs --output tiny/model.pt {url}" in str(
        refused.value
    )


@pytest.mark.usefixtures("over_http")
def test_a_full_disk_is_told_and_the_next_fetch_continues(
    server, small_disk, monkeypatch, paralbench_home
):
    url, sha256 = server.add("/model.pt", CONTENT * 5)
    (small_disk / "home").mkdir()
    monkeypatch.setenv("PARALBENCH_HOME", str(small_disk / "home"))
    with pytest.raises(WeightsError, match=r"disk or quota is full .*What was written .* is kept"):
        resolve(card_of(url, sha256))
    begun = (small_disk / "home" / "downloads" / f"{sha256}.part").stat().st_size
    shutil.copytree(small_disk / "home", paralbench_home)
    monkeypatch.setenv("PARALBENCH_HOME", str(paralbench_home))
    assert resolve(card_of(url, sha256)).size == 1_500_000
    assert server.requests[-1][1] == f"bytes={begun}-"


FETCH = """
import sys
from paralbench.cards.upstream import UrlWeights
from paralbench.upstreams import web_weights
from pathlib import Path
web_weights.SCHEMES = ("http",)
source = UrlWeights.model_construct(source="url", url=sys.argv[1], sha256=sys.argv[2] or None)
print(web_weights.find_at_address(
    source, "tiny", fetch=True, home=Path(sys.argv[3]), tell=lambda line: None))
"""


@pytest.mark.parametrize("pinned", [True, False])
def test_a_killed_fetch_is_continued(server, paralbench_home, pinned):
    url, sha256 = server.add("/model.pt", CONTENT)
    server.headers = {"ETag": '"one"'}
    release = server.hang_after(100_000)
    home = paralbench_home / "weights"
    command = [sys.executable, "-c", FETCH, url, sha256 if pinned else "", str(home)]
    killed = subprocess.Popen(command)
    until = time.monotonic() + 60
    while time.monotonic() < until and not any(
        part.stat().st_size == 100_000 for part in (paralbench_home / "downloads").glob("*.part")
    ):
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    release()
    assert not home.exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (file,) = (home / "tiny").glob("*/*")
    assert str(file.parent) == done.stdout.strip()
    assert file.read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=100000-"
