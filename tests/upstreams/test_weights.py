"""Where weights come from: folders, caches, packages, hubs; and which they are."""

import logging
import os
import time
import zipfile
from pathlib import Path

import pytest

from paralbench.cards import UpstreamCard
from paralbench.errors import MissingExtraError, WeightsError
from paralbench.storage.downloads import sha256_of
from paralbench.upstreams import fingerprint
from paralbench.upstreams.weights import look, resolve

REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
HUB = {"source": "hub", "repository": "somebody/model", "revision": REVISION}
NONE = {"source": "none"}


def card_of(*sources, id="tiny", file=None):
    data = {"name": id, "family": "hubert", "licence": "CC0-1.0", "weights": list(sources)}
    return UpstreamCard.build(data, id=id, file=file)


def folder_of(path):
    return {"source": "folder", "path": str(path)}


@pytest.fixture
def checkpoint(tmp_path):
    """A folder as far as finding weights looks into it."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"tensors")
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The folder of the hub's cache; the hub itself is a port that nobody listens on."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    return cache


@pytest.fixture
def snapshot(hub):
    """``snapshot(revision=..., **files)``: put files where the hub's client caches them."""

    def put(revision=REVISION, **files):
        folder = hub / "models--somebody--model" / "snapshots" / revision
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_bytes(content)
        return folder

    return put


@pytest.fixture
def package(tmp_path, monkeypatch):
    """``package(name, members)``: a package that pip finds, and its ``files`` entries."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def make(name, **members):
        file = index / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            wheel.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
            wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
            for member, content in members.items():
                wheel.writestr(f"{name}/data/{member}", content)
        return [
            {
                "package": f"{name}==1.0",
                "sha256": sha256_of(file),
                "member": f"{name}/data/{member}",
            }
            for member in members
        ]

    return make


def test_a_folder_is_relative_to_its_card(checkpoint):
    card = card_of(folder_of("checkpoint"), file=checkpoint.parent / "tiny.yaml")
    found = resolve(card)
    assert found.folder == checkpoint
    assert len(found.sha256) == 64
    assert found.where == f"folder {checkpoint}"


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path):
    with pytest.raises(WeightsError, match="elsewhere: no such folder of weights"):
        resolve(card_of(folder_of(tmp_path / "elsewhere")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="empty: holds no weights"):
        resolve(card_of(folder_of(tmp_path / "empty")))


def test_the_checksum_follows_what_matters(checkpoint):
    card = card_of(folder_of(checkpoint))
    first = resolve(card).sha256
    (checkpoint / "README.md").write_text("read me")
    assert resolve(card).sha256 == first
    (checkpoint / "preprocessor_config.json").write_text("{}")
    second = resolve(card).sha256
    (checkpoint / "model.safetensors").write_bytes(b"others!")
    assert len({first, second, resolve(card).sha256}) == 3


def test_the_checksum_does_not_depend_on_the_place(checkpoint, tmp_path):
    first = resolve(card_of(folder_of(checkpoint))).sha256
    checkpoint.rename(tmp_path / "moved")
    assert resolve(card_of(folder_of(tmp_path / "moved"))).sha256 == first


def test_a_known_file_is_not_hashed_again(checkpoint, monkeypatch):
    card = card_of(folder_of(checkpoint))
    first = resolve(card).sha256
    hashed = []

    def spy(file):
        hashed.append(file.name)
        return sha256_of(file)

    monkeypatch.setattr(fingerprint, "sha256_of", spy)
    assert resolve(card).sha256 == first
    assert hashed == []
    os.utime(checkpoint / "config.json", ns=(1, 1))
    assert resolve(card).sha256 == first
    assert hashed == ["config.json"]


def test_a_damaged_memory_of_checksums_is_ignored(checkpoint, paralbench_home):
    card = card_of(folder_of(checkpoint))
    first = resolve(card).sha256
    for file in (paralbench_home / "weights" / ".checksums").iterdir():
        file.write_text("[half a")
    assert resolve(card).sha256 == first


def test_a_home_that_cannot_be_written_only_costs_time(checkpoint, tmp_path):
    (tmp_path / "home").write_text("a file")
    card = card_of(folder_of(checkpoint))
    assert resolve(card, home=tmp_path / "home").sha256 == resolve(card).sha256


def test_the_users_folder_comes_first(checkpoint, tmp_path, monkeypatch):
    card = card_of(folder_of(tmp_path / "elsewhere"), id="checkpoint")
    assert resolve(card, roots={"checkpoint": checkpoint}).folder == checkpoint
    monkeypatch.setenv("PARALBENCH_WEIGHTS", str(checkpoint.parent))
    assert resolve(card).folder == checkpoint
    # A folder that the user names is taken or refused, never passed over.
    with pytest.raises(WeightsError, match="typo: no such folder"):
        resolve(card, roots={"checkpoint": tmp_path / "typo"})


def test_signal_processing_has_no_weights():
    found = resolve(card_of(NONE))
    assert found.folder is None
    assert found.sha256 == resolve(card_of(NONE, id="other")).sha256


def test_an_installed_package_is_keyed_by_its_release():
    from importlib.metadata import version

    installed = {"source": "installed", "package": "numpy>=1", "extra": "functionals"}
    found = resolve(card_of(installed))
    assert found.where == f"installed numpy {version('numpy')}"
    with pytest.raises(WeightsError, match=r"numpy .* is installed, the card names numpy==0\.1"):
        resolve(card_of(installed | {"package": "numpy==0.1"}))
    with pytest.raises(MissingExtraError, match=r"pip install 'paralbench\[functionals\]'"):
        resolve(card_of(installed | {"package": "no-such-package-anywhere"}))


def test_a_package_is_unpacked_once(package, paralbench_home):
    files = package("some_weights", **{"a.pt": "aaa", "b.pt": "bbb"})
    card = card_of({"source": "package", "files": files})
    with pytest.raises(WeightsError, match=r"some_weights==1\.0 not fetched yet"):
        resolve(card, fetch=False)
    found = resolve(card)
    assert found.folder is not None
    assert {file.name: file.read_text() for file in found.folder.iterdir()} == {
        "a.pt": "aaa",
        "b.pt": "bbb",
    }
    assert found.folder.is_relative_to(paralbench_home / "weights" / "tiny")
    assert resolve(card, fetch=False) == found
    assert [one.name for one in found.folder.parent.iterdir()] == [found.folder.name]


def test_another_package_gets_another_folder(package):
    one = card_of({"source": "package", "files": package("one", **{"a.pt": "1"})})
    two = card_of({"source": "package", "files": package("two", **{"a.pt": "2"})})
    found = resolve(one), resolve(two)
    assert found[0].folder != found[1].folder
    assert found[0].sha256 != found[1].sha256


def test_a_package_with_another_checksum_is_refused(package):
    files = package("some_weights", **{"a.pt": "aaa"})
    card = card_of({"source": "package", "files": [files[0] | {"sha256": "0" * 64}]})
    with pytest.raises(WeightsError, match=r"package: some_weights==1\.0 is not what the card"):
        resolve(card)


def test_a_member_that_is_missing_is_named(package):
    files = package("some_weights", **{"a.pt": "aaa"})
    card = card_of({"source": "package", "files": [files[0] | {"member": "b.pt"}]})
    with pytest.raises(WeightsError, match=r"holds no file 'b\.pt'"):
        resolve(card)


def test_what_killed_processes_left_is_removed_in_time(package, paralbench_home):
    place = paralbench_home / "weights" / "tiny"
    old, new = place / ".unfinished-old", place / ".unfinished-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "model.bin").write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    resolve(card_of({"source": "package", "files": package("some_weights", **{"a.pt": "1"})}))
    assert not old.exists()
    assert new.exists()


def test_the_hubs_cache_serves_without_the_hub(snapshot):
    folder = snapshot(config__json=b"{}", model__safetensors=b"tensors")
    for fetch in (True, False):
        found = resolve(card_of(HUB), fetch=fetch)
        assert (found.folder, found.where) == (folder, f"hub somebody/model@{REVISION}")


def test_the_hubs_cache_must_be_whole(snapshot):
    snapshot(config__json=b"{}")
    with pytest.raises(WeightsError, match="is not in the hub's cache, and fetching is off"):
        resolve(card_of(HUB), fetch=False)


def test_the_cards_checksum_is_compared(snapshot):
    folder = snapshot(config__json=b"{}", model__safetensors=b"tensors")
    right = sha256_of(folder / "model.safetensors")
    assert resolve(card_of(HUB | {"sha256": right})).folder == folder
    with pytest.raises(WeightsError, match=f"has sha256 {right}, the card says {'0' * 64}"):
        resolve(card_of(HUB | {"sha256": "0" * 64}))


def test_a_hub_out_of_reach_fails_soon_and_says_what_to_do(hub):
    started = time.monotonic()
    with pytest.raises(WeightsError) as refused:
        resolve(card_of(HUB))
    assert time.monotonic() - started < 10
    message = str(refused.value)
    assert "the weights of 'tiny' cannot be had here:" in message
    assert "hub: somebody/model at 0123456789ab cannot be fetched from the hub:" in message
    assert f"hf download somebody/model --revision {REVISION} --include config.json" in message
    assert "put the folder 'tiny' into a folder that $PARALBENCH_WEIGHTS names" in message


def test_sources_are_tried_in_the_cards_order(snapshot, package, caplog):
    files = package("some_weights", **{"a.pt": "aaa"})
    mirror = {"source": "package", "files": files}
    folder = snapshot(config__json=b"{}", model__safetensors=b"tensors")
    assert resolve(card_of(mirror, HUB)).where == "package some_weights==1.0"
    assert resolve(card_of(HUB, mirror)).folder == folder
    assert not caplog.records
    broken = {"source": "package", "files": [files[0] | {"sha256": "0" * 64}]}
    with caplog.at_level(logging.WARNING):
        assert resolve(card_of(broken, HUB)).folder == folder
    assert "tiny: taken from hub somebody/model" in caplog.text
    assert "package: some_weights==1.0 is not what the card pins" in caplog.text


def test_a_snapshot_of_another_commit_is_not_taken(snapshot):
    snapshot(OTHER, config__json=b"{}", model__safetensors=b"tensors")
    with pytest.raises(WeightsError, match=f"holds it at {OTHER}, the card says {REVISION}"):
        resolve(card_of(HUB), fetch=False)


def test_without_a_commit_the_one_snapshot_of_the_cache_is_taken(snapshot):
    folder = snapshot(OTHER, config__json=b"{}", model__safetensors=b"tensors")
    found = resolve(card_of(HUB | {"revision": None}))
    assert (found.folder, found.where) == (folder, f"hub somebody/model@{OTHER}")


def test_without_a_commit_several_snapshots_are_a_question(snapshot):
    for revision in (REVISION, OTHER):
        snapshot(revision, config__json=b"{}", model__safetensors=b"tensors")
    for fetch in (False, True):  # the hub is out of reach
        with pytest.raises(WeightsError, match=rf"several commits \({REVISION}, {OTHER}\): name"):
            resolve(card_of(HUB | {"revision": None}), fetch=fetch)


def test_named_files_are_all_that_counts(snapshot):
    folder = snapshot(**{"a.pt": b"a", "b.yaml": b"b", "other.pt": b"other"})
    files = [{"name": "a.pt", "sha256": sha256_of(folder / "a.pt")}, {"name": "b.yaml"}]
    found = resolve(card_of(HUB | {"files": files}), fetch=False)
    assert found.folder == folder
    assert found.size == 2
    (folder / "other.pt").unlink()
    assert resolve(card_of(HUB | {"files": files}), fetch=False).sha256 == found.sha256
    (folder / "b.yaml").write_bytes(b"c")
    assert resolve(card_of(HUB | {"files": files}), fetch=False).sha256 != found.sha256
    (folder / "a.pt").write_bytes(b"x")
    with pytest.raises(
        WeightsError, match=rf"a\.pt: has sha256 .*the card says {files[0]['sha256']}"
    ):
        resolve(card_of(HUB | {"files": files}), fetch=False)


def test_the_users_folder_must_have_the_cards_checksum(checkpoint):
    roots = {"tiny": checkpoint}
    right = sha256_of(checkpoint / "model.safetensors")
    assert resolve(card_of(HUB | {"sha256": right}), roots=roots).folder == checkpoint
    with pytest.raises(WeightsError) as refused:
        resolve(card_of(HUB | {"sha256": "0" * 64}), roots=roots)
    assert f"has sha256 {right}, the card says {'0' * 64}" in str(refused.value)
    assert "write a card of its own" in str(refused.value)
    # The folder may hold what any of the sources would bring.
    url = {"source": "url", "url": "https://example.org/model.safetensors", "sha256": right}
    assert resolve(card_of(HUB | {"sha256": "0" * 64}, url), roots=roots).folder == checkpoint


def test_the_users_folder_must_be_of_the_cards_commit(snapshot):
    other = snapshot(OTHER, config__json=b"{}", model__safetensors=b"tensors")
    with pytest.raises(WeightsError, match=f"is of commit {OTHER}, the card says {REVISION}"):
        resolve(card_of(HUB), roots={"tiny": other})
    assert resolve(card_of(HUB | {"revision": None}), roots={"tiny": other}).folder == other
    # The same bytes are the same weights, whatever the commit.
    same = HUB | {"sha256": sha256_of(other / "model.safetensors")}
    assert resolve(card_of(same), roots={"tiny": other}).folder == other


def test_what_the_hubs_client_noted_tells_the_commit(checkpoint):
    """``hf download --local-dir`` writes commit, ETag and time of each file."""
    notes = checkpoint / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (notes / f"{name}.metadata").write_text(f"{OTHER}\netag\n0\n")
    with pytest.raises(WeightsError, match=f"is of commit {OTHER}, the card says {REVISION}"):
        resolve(card_of(HUB), roots={"tiny": checkpoint})
    (notes / "config.json.metadata").write_text("who knows")
    assert resolve(card_of(HUB), roots={"tiny": checkpoint}).folder == checkpoint


def test_looking_reads_no_weights(snapshot, monkeypatch):
    folder = snapshot(config__json=b"{}", model__safetensors=b"tensors")
    monkeypatch.setattr(fingerprint, "sha256_of", lambda file: pytest.fail(f"{file} is read"))
    assert look(card_of(HUB)) == f"hub somebody/model@{REVISION}"
    assert look(card_of(NONE)) == "no weights"
    assert look(card_of(HUB), roots={"tiny": folder}) == f"folder {folder}"
    with pytest.raises(WeightsError, match="cannot be had here"):
        look(card_of(HUB | {"repository": "somebody/else"}))


URL = {"source": "url", "url": "https://example.org/some%20model.pt?v=1", "sha256": "0" * 64}
PACKAGE = {"package": "one==1", "sha256": "0" * 64, "member": "a"}


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("source", "words"),
    [
        (HUB, ["hf download somebody/model --revision 0123", "--local-dir tiny", "$PARALBENCH_W"]),
        (
            HUB | {"revision": None, "files": [{"name": "a.pt"}, {"name": "b/c.yaml"}]},
            ["hf download somebody/model a.pt b/c.yaml --local-dir tiny", "put the folder 'tiny'"],
        ),
        (
            URL,
            [
                "curl --fail --location --create-dirs --output 'tiny/some model.pt' 'https://",
                "put the folder 'tiny' into a folder that $PARALBENCH_WEIGHTS names",
                f"Its sha256 is {'0' * 64}.",
            ],
        ),
        (
            {"source": "package", "files": [PACKAGE]},
            ["pip download --no-deps --only-binary :all: one==1 --dest", f"downloads/{'0' * 64}"],
        ),
        ({"source": "folder", "path": "elsewhere"}, ["Put them into", "elsewhere, or correct the"]),
        (
            {"source": "installed", "package": "numpy==0.1", "extra": "functionals"},
            ["pip install numpy==0.1"],
        ),
    ],
)
def test_every_kind_of_source_says_what_to_do_by_hand(source, words):
    with pytest.raises(WeightsError) as refused:
        resolve(card_of(source), fetch=False)
    for part in words:
        assert part in str(refused.value)


def test_files_put_there_as_the_message_says_are_taken(package, paralbench_home):
    """The package's file in a folder of the downloads, under its own name."""
    files = package("some_weights", **{"a.pt": "aaa"})
    place = paralbench_home / "downloads" / files[0]["sha256"]
    place.mkdir(parents=True)
    wheel = Path(os.environ["PIP_FIND_LINKS"]) / "some_weights-1.0-py3-none-any.whl"
    wheel.rename(place / wheel.name)
    assert resolve(card_of({"source": "package", "files": files})).size == 3


def test_a_full_disk_is_told(package, small_disk):
    files = package("some_weights", **{"a.pt": "a" * 2_000_000})
    with pytest.raises(WeightsError, match=r"package: .*disk or quota is full.*Free some space"):
        resolve(card_of({"source": "package", "files": files}), home=small_disk / "weights")
    assert not list(small_disk.rglob("a.pt"))
