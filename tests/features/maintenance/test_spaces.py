"""What `store info` counts."""

import json
import shutil

import pytest
from tests.features.maintenance.conftest import contents

from paralbench.features.maintenance.spaces import survey


def test_a_home_is_counted(filled, noise):
    home = filled()
    space = home.fill(range(5), moments=True)
    space.exclude(dict.fromkeys(contents([50]), "too-short"))
    home.fill(range(3), options={"bins": 3})
    shutil.copytree(noise.cache.folder, home.home / "audio")
    (home.home / "weights").mkdir()
    (home.home / "weights" / "w").write_bytes(bytes(1234))
    found = survey(home.home)
    assert [one.words for one in found.spaces] == ["fbank, bins=80, fp32", "fbank, bins=3, fp32"]
    large = found.spaces[0]
    assert [(part.name, part.rows, part.shards) for part in large.parts] == [
        ("means", 5, 3),
        ("moments", 5, 3),
        ("excluded", 1, 1),
    ]
    files = [path for path in large.folder.rglob("*") if path.is_file()]
    assert large.nbytes == sum(path.stat().st_size for path in files)
    assert found.audio.utterances == 40
    seconds = sum(map(len, noise.waveforms.values())) / 16_000
    assert found.audio.hours == pytest.approx(seconds / 3600)
    assert found.others == {"weights": 1234}
    everything = [path for path in home.home.rglob("*") if path.is_file()]
    assert found.nbytes == sum(path.stat().st_size for path in everything)
    assert found.free == pytest.approx(shutil.disk_usage(home.home).free, rel=0.1)


def test_a_space_is_named_by_the_card_that_a_run_remembered(filled):
    home = filled()
    space = home.fill(range(2))
    encoders = home.home / "features" / "encoders"
    encoders.mkdir()
    own = ("precision", "sample_rate", "pooling")
    told = {name: value for name, value in space.description.items() if name not in own}
    (encoders / "a.json").write_text(json.dumps({"upstream": "fbank", "description": told}))
    (encoders / "b.json").write_text("damaged")
    (encoders / "c.json").write_text(json.dumps({"description": told}))  # of an older version
    (found,) = survey(home.home).spaces
    assert found.upstream == "fbank"


def test_audio_that_is_there_twice_counts_once(filled, noise, noise_of, tmp_path):
    home = filled()
    other = noise_of(tmp_path / "other", [1000, 2000], seed=5)
    for cache in (noise.cache, other.cache):
        shutil.copytree(cache.folder, home.home / "audio", dirs_exist_ok=True)
    first = survey(home.home).audio
    assert first.utterances == 42
    from paralbench.storage.keyed import RaggedStore

    store = RaggedStore(home.home / "audio" / "pcm")
    store.append(other.contents[:1], [store.get(other.contents[0])])
    again = survey(home.home).audio
    assert (again.utterances, again.shards) == (42, first.shards + 1)
    assert again.hours == pytest.approx(first.hours)


def test_a_home_that_is_not_there_is_empty(filled):
    found = survey(filled().home)
    assert (found.spaces, found.nbytes, found.audio.utterances) == ((), 0, 0)
    assert found.free > 0
