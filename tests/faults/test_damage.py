"""Shards that are damaged: scrubbed, computed anew, and the same tables at the end."""

import shutil

import pytest

from paralbench.storage.shards import Shard


def flip(content):
    at = len(content) - 5
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


DAMAGE = {
    "a flipped byte": flip,
    "a cut end": lambda content: content[:-100],
    "zeros": lambda content: bytes(len(content)),
    "zeros in its data": lambda content: content[: len(content) // 2].ljust(len(content), b"\0"),
}


@pytest.mark.parametrize(
    "how",
    ["a flipped byte", *(pytest.param(one, marks=pytest.mark.slow) for one in list(DAMAGE)[1:])],
)
def test_a_damaged_shard_is_found_and_computed_anew(faulty, copy_of_undisturbed, same, how):
    place = copy_of_undisturbed
    shard = place.shards()[2]
    rows = len(Shard.open(shard).arrays["keys"])
    shard.write_bytes(DAMAGE[how](shard.read_bytes()))
    shutil.rmtree(place.out)
    assert faulty(place, "store", "scrub") == 1
    assert f"damaged: {shard}" in place.told
    assert shard.with_name(f"{shard.name}.damaged").exists()
    assert faulty(place) == 0, place.told
    assert f"{rows} utterances encoded" in place.told
    same(place)
    assert faulty(place, "store", "scrub") == 0
    assert faulty(place, "store", "gc", "--yes") == 0
    assert not list(place.home.rglob("*.damaged"))


@pytest.mark.slow
def test_damaged_audio_is_decoded_again(faulty, copy_of_undisturbed, same):
    place = copy_of_undisturbed
    shutil.rmtree(place.out)
    for space in (place.home / "features").glob("*/means"):
        shutil.rmtree(space)
    for shard in (place.home / "audio" / "pcm").glob("*.safetensors"):
        shard.write_bytes(flip(shard.read_bytes()))
    for part in (place.home / "audio" / "files").glob("*/*.parquet"):
        part.write_bytes(part.read_bytes()[:-10])
    assert faulty(place, "store", "scrub") == 1
    assert faulty(place) == 0, place.told
    same(place)
