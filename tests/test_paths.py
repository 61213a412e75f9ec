"""Where fetched and computed things are kept."""

from pathlib import Path

import pytest

from paralbench import paths

PLACES = (
    paths.corpora_home,
    paths.weights_home,
    paths.downloads_home,
    paths.audio_home,
    paths.manifests_home,
    paths.features_home,
)


def test_the_folder_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "here"))
    assert paths.home() == tmp_path / "here"
    places = [place() for place in PLACES]
    assert len(set(places)) == len(places)
    assert all(place.parent == paths.home() for place in places)
    assert not paths.home().exists()


@pytest.mark.parametrize("given", [None, ""])
def test_without_one_the_users_cache_folder(monkeypatch, tmp_path, given):
    if given is None:
        monkeypatch.delenv("PARALBENCH_HOME")
    else:
        monkeypatch.setenv("PARALBENCH_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert paths.home() == tmp_path / ".cache" / "paralbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert paths.home() == tmp_path / "cache" / "paralbench"


def test_a_relative_folder_does_not_move_with_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARALBENCH_HOME", "here")
    assert paths.home() == tmp_path / "here"
    monkeypatch.setenv("PARALBENCH_HOME", "~/there")
    assert paths.home() == Path.home() / "there"
