"""Files at an address: each travels once, whole, checked, and only under a name of ours."""

import hashlib
import pickle
import socket

import fsspec
import pytest

from paralbench.errors import ParalbenchError, StoreError
from paralbench.storage import remote as module
from paralbench.storage.remote import Remote, is_name
from paralbench.storage.shards import DamagedShardError


@pytest.fixture
def files(tmp_path):
    """Files to send: ``files(a=b"content")`` makes ``some/a``."""

    def make(**contents):
        folder = tmp_path / "here"
        folder.mkdir(exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return {f"some/{name}": folder / name for name in contents}

    return make


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_what_is_sent_comes_back_to_the_byte(remote, files, tmp_path):
    large = bytes(range(256)) * 40_000  # more than one piece
    told = []
    assert remote.sizes("some") == {}
    mine = files(a=b"1", b=large)
    assert remote.send(mine, told.append) == ["some/a", "some/b"]
    assert sorted(told) == [1, len(large)]
    assert remote.sizes("some") == {"some/a": 1, "some/b": len(large)}
    assert remote.sizes("") == {}
    assert remote.sizes("", below=True) == remote.sizes("some")
    target = tmp_path / "back" / "b"
    assert remote.fetch("some/b", target, sha256(large)) == len(large)
    assert target.read_bytes() == large
    assert remote.read("some/b", 5, 3) == large[5:8]
    assert remote.read("some/b", len(large) - 2, 10) == large[-2:]
    assert remote.read("some/a") == b"1"


def test_nothing_travels_twice_and_what_is_not_whole_there_travels_anew(remote, files):
    mine = files(a=b"whole")
    remote.send(mine)
    assert remote.send(mine) == []
    remote._fs.pipe_file(remote._path("some/a"), b"who")  # its sender died
    assert remote.send(mine) == ["some/a"]
    assert remote.read("some/a") == b"whole"


def test_a_damaged_file_is_not_taken(remote, files, tmp_path):
    remote.send(files(a=b"other"))
    target = tmp_path / "back" / "a"
    with pytest.raises(DamagedShardError, match="not taken; remove it there"):
        remote.fetch("some/a", target, sha256(b"content"))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "a//b", ".hidden", "a\\b", "a/", "", "a\nb", "~"]
)
def test_names_that_lead_elsewhere_are_refused(remote, name, tmp_path):
    assert not is_name(name)
    for use in (
        lambda: remote.read(name),
        lambda: remote.fetch(name, tmp_path / "x", ""),
        lambda: remote.send({name: tmp_path}),
    ):
        with pytest.raises(StoreError, match="no file of a store has such a name"):
            use()


def test_hidden_files_and_those_of_dead_senders_are_not_listed(remote, files):
    remote.send(files(a=b"1"))
    for name in (".unfinished-1", "with space", "-x"):
        remote._fs.pipe_file(f"{remote._root}/some/{name}", b"2")
    assert remote.sizes("some") == {"some/a": 1}


def test_a_link_that_leads_in_a_circle_ends(tmp_path, files):
    remote = Remote(f"file://{tmp_path}/there")
    remote.send(files(a=b"1"))
    (tmp_path / "there" / "some" / "round").symlink_to(tmp_path / "there")
    found = remote.sizes("", below=True)
    assert "some/a" in found
    assert len(found) < 10


def test_it_travels_as_its_address_and_hides_a_password(remote, monkeypatch):
    assert pickle.loads(pickle.dumps(remote)).address == remote.address
    monkeypatch.setattr(module, "_open", lambda *_: (fsspec.filesystem("memory"), "/x"))
    secret = Remote("sftp://me:secret@host/x")
    assert str(secret) == "sftp://me:***@host/x"
    assert "secret" in pickle.loads(pickle.dumps(secret))._given


@pytest.mark.parametrize("address", ["backup", "/srv/backup", "C:\\backup", ""])
def test_what_is_no_address(address):
    with pytest.raises(ParalbenchError, match="is no address; give one as s3://BUCKET/FOLDER"):
        Remote(address)


def test_a_kind_of_address_that_nothing_opens():
    with pytest.raises(ParalbenchError, match="'nfs5' is no kind of address"):
        Remote("nfs5://host/x")


@pytest.mark.parametrize(
    ("address", "package"),
    [("s3://bucket/x", "s3fs"), ("gs://bucket/x", "gcsfs"), ("sftp://host/x", "paramiko")],
)
def test_a_driver_that_is_not_installed_is_named(address, package, monkeypatch):
    monkeypatch.setitem(module.sys.modules, package, None)  # as if it were not there
    with pytest.raises(ParalbenchError, match=f"On every machine .* pip install {package}$"):
        Remote(address)


def test_an_address_that_does_not_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # nobody listens
        with pytest.raises(StoreError, match=rf"ftp://127.0.0.1:{port}/x: cannot be opened: .*"):
            Remote(f"ftp://127.0.0.1:{port}/x")


def test_an_address_that_cannot_be_written(remote, files, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    mine = files(a=b"1")
    monkeypatch.setattr(type(remote._fs), "put_file", refuse)
    with pytest.raises(StoreError, match=f"{remote}: cannot write some/a: .*Permission denied.*"):
        remote.send(mine)
    assert remote.sizes("some") == {}


def test_a_file_that_is_gone_here(remote, files, tmp_path):
    with pytest.raises(StoreError, match="gone: cannot be sent: No such file"):
        remote.send({"some/gone": tmp_path / "gone"})


def test_errors_of_a_drivers_own_library_are_told_too(remote, monkeypatch):
    class BotoCoreError(Exception):
        pass

    library = type(module.sys)("botocore.exceptions")
    library.BotoCoreError = BotoCoreError
    monkeypatch.setitem(module.sys.modules, "botocore.exceptions", library)

    def fail(*_, **__):
        raise BotoCoreError("Unable to locate credentials")

    monkeypatch.setattr(type(remote._fs), "ls", fail)
    with pytest.raises(StoreError, match=r"Unable to locate credentials\. Look at the address"):
        remote.look()
