"""Downloading from a hub, against a small server on this machine that answers as one."""

import hashlib
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from paralbench.cards.upstream import HubFile, HubWeights
from paralbench.errors import WeightsError
from paralbench.upstreams.hub import find_on_hub

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """``serve(files)``: a hub with one repository; returns the list of files asked for."""
    servers = []

    def start(files):
        asked = []

        class Hub(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._answer(body=True)

            def do_HEAD(self):
                self._answer(body=False)

            def _answer(self, body):
                path = unquote(urlsplit(self.path).path)
                resolved = f"/somebody/model/resolve/{REVISION}/"
                headers, content = {}, None
                api = "/api/models/somebody/model"
                if path in (api, f"{api}/revision/main", f"{api}/revision/{REVISION}"):
                    siblings = [{"rfilename": name} for name in files]
                    info = {"id": "somebody/model", "sha": REVISION, "siblings": siblings}
                    content = json.dumps(info).encode()
                elif path.startswith(f"{api}/tree/{REVISION}"):
                    content = json.dumps(
                        [
                            {"type": "file", "path": name, "size": len(data), "oid": oid(data)}
                            for name, data in files.items()
                        ]
                    ).encode()
                elif path.startswith(resolved) and path.removeprefix(resolved) in files:
                    name = path.removeprefix(resolved)
                    content = files[name]
                    headers = {"ETag": f'"{oid(content)}"', "X-Repo-Commit": REVISION}
                    if body:
                        asked.append(name)
                self.send_response(404 if content is None else 200)
                if content is None:
                    headers = {"X-Error-Code": "RepoNotFound"}
                    content = b""
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def log_message(self, format, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        return asked

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def oid(data):
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def source(repository="somebody/model", revision=REVISION, files=()):
    return HubWeights(source="hub", repository=repository, revision=revision, files=files)


FILES = {
    "README.md": b"read me",
    "config.json": b"{}",
    "preprocessor_config.json": b"{ }",
    "flax_model.msgpack": b"flax",
    "pytorch_model.bin": b"pickled",
}


def test_only_what_is_needed_is_fetched_and_then_kept(serve):
    asked = serve(FILES)
    folder = find_on_hub(source(), fetch=True)
    needed = ["config.json", "preprocessor_config.json", "pytorch_model.bin"]
    assert sorted(asked) == sorted(file.name for file in folder.iterdir()) == needed
    assert (folder / "pytorch_model.bin").read_bytes() == b"pickled"
    assert find_on_hub(source(), fetch=False) == folder


def test_safetensors_are_preferred(serve):
    asked = serve(FILES | {"model.safetensors": b"tensors"})
    find_on_hub(source(), fetch=True)
    assert "model.safetensors" in asked
    assert "pytorch_model.bin" not in asked


def test_shards_are_fetched_together(serve):
    shards = {f"model-0000{n}-of-00002.safetensors": b"shard" * n for n in (1, 2)}
    index = {"weight_map": {str(n): name for n, name in enumerate(shards)}}
    extra = shards | {"model.safetensors.index.json": json.dumps(index).encode()}
    asked = serve({"config.json": b"{}"} | extra)
    find_on_hub(source(), fetch=True)
    assert sorted(asked) == sorted({"config.json"} | extra.keys())


def test_an_unknown_repository_is_reported(serve):
    serve(FILES)
    with pytest.raises(WeightsError, match="somebody/else at 0123456789ab cannot be fetched"):
        find_on_hub(source("somebody/else"), fetch=True)


def test_a_repository_without_weights_is_reported(serve):
    serve({"config.json": b"{}"})
    with pytest.raises(WeightsError, match=r"holds none of model.safetensors"):
        find_on_hub(source(), fetch=True)


def test_of_a_repository_with_named_files_only_these_are_fetched(serve):
    asked = serve(FILES | {"model.pt": b"tensors", "conf/data.yaml": b"rate: 16000"})
    files = (HubFile(name="model.pt"), HubFile(name="conf/data.yaml"))
    folder = find_on_hub(source(files=files), fetch=True)
    assert sorted(asked) == ["conf/data.yaml", "model.pt"]
    assert (folder / "conf" / "data.yaml").read_bytes() == b"rate: 16000"
    assert find_on_hub(source(files=files), fetch=False) == folder
    with pytest.raises(WeightsError, match=r"is not in the hub's cache"):
        find_on_hub(source(files=(HubFile(name="README.md"),)), fetch=False)


def test_a_named_file_that_the_repository_lacks_is_reported(serve):
    serve(FILES)
    with pytest.raises(WeightsError, match=r"at 0123456789ab holds no file model\.pt"):
        find_on_hub(source(files=(HubFile(name="model.pt"),)), fetch=True)


def test_without_a_commit_the_newest_is_fetched_and_told(serve, caplog):
    serve(FILES)
    with caplog.at_level(logging.WARNING):
        folder = find_on_hub(source(revision=None), fetch=True)
    assert folder.name == REVISION
    assert f"somebody/model: the card names no commit; the newest was fetched, {REVISION}" in (
        caplog.text
    )
    caplog.clear()
    assert find_on_hub(source(revision=None), fetch=True) == folder  # the cache's one snapshot
    assert not caplog.records


def test_a_full_disk_is_told(serve, small_disk, monkeypatch):
    serve(FILES | {"pytorch_model.bin": b"x" * 2_000_000})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(small_disk))
    with (
        pytest.warns(UserWarning, match="Not enough free disk space"),
        pytest.raises(WeightsError, match=r"disk or quota of .* is full. .*set HF_HOME"),
    ):
        find_on_hub(source(), fetch=True)
