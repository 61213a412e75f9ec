"""A home is read whole: shards, plans, descriptions, the lists of audio files."""

import json
import shutil

from tests.features.maintenance.conftest import contents

from paralbench.audio.cache import AudioCache
from paralbench.features.budget import recall, remember
from paralbench.features.maintenance.scrub import scrub_home
from paralbench.storage.shards import list_shards


def test_a_whole_home(filled, noise):
    home = filled()
    home.fill(range(6), moments=True).exclude(dict.fromkeys(contents([50]), "too-short"))
    shutil.copytree(noise.cache.folder, home.home / "audio")
    before, told = home.files(), []
    found = scrub_home(home.home, progress=lambda *done: told.append(done))
    shards = sorted(home.home.rglob("*.safetensors"))
    assert found.shards == len(shards) == 3 + 3 + 1 + 1
    assert found.nbytes == sum(path.stat().st_size for path in shards)
    assert (found.damaged, found.unverified, found.leftovers) == ([], [], [])
    assert home.files() == before
    assert len(told) == found.shards
    assert told[-1] == (found.nbytes, found.nbytes)


def test_each_kind_of_damage_is_found_and_set_aside(filled, noise, fakes, description):
    from paralbench.features.extract import extract
    from paralbench.features.store import FeatureStore

    home = filled()
    store = FeatureStore(home.home / "features")
    space = extract(fakes.ConvEncoder(), description, noise.contents, noise.cache, store).space
    shutil.copytree(noise.cache.folder, home.home / "audio")
    (shard,) = list_shards(space.folder / "means")
    (plan,) = space.plans.iterdir()
    (audio,) = list_shards(home.home / "audio" / "pcm")
    (part,) = (home.home / "audio" / "files").glob("*/*.parquet")
    for path in (shard, plan, audio, part):
        path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    (space.folder / "description.json").write_text(json.dumps({"family": "other"}))
    bad = {shard, plan, audio, part, space.folder / "description.json"}
    before = home.files()
    assert {one.path for one in scrub_home(home.home, dry_run=True).damaged} == bad
    assert home.files() == before
    found = scrub_home(home.home)
    assert {one.path for one in found.damaged} == bad
    assert found.lost == 40 + 40  # features and audio
    assert not any(path.exists() for path in bad)
    assert scrub_home(home.home).damaged == []
    cache = AudioCache(home.home / "audio")
    assert noise.contents[0] not in cache
    again = extract(fakes.ConvEncoder(), description, noise.contents, noise.cache, store)
    assert again.encoded == 40


def test_a_home_that_is_not_there(filled):
    assert scrub_home(filled().home).shards == 0


def test_a_remembered_batch_size_is_checked_too(filled):
    home = filled()
    space = home.fill([1])
    assert remember(space.folder, "H200", 5_000_000) == 5_000_000
    assert remember(space.folder, "A100", 3_000_000) == 3_000_000
    assert scrub_home(home.home).damaged == []
    first, second = sorted((space.folder / "budgets").iterdir())
    first.write_bytes(second.read_bytes())  # of another device than the name says
    (found,) = scrub_home(home.home).damaged
    assert found.path == first
    assert sorted(recall(space.folder, name) or 0 for name in ("H200", "A100"))[0] == 0
