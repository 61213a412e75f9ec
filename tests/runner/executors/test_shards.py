"""An extraction in parts: they hold every utterance once, and give the whole's features."""

import itertools

import numpy as np
import pytest
import soundfile

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment
from paralbench.cards import UpstreamCard
from paralbench.errors import Fault, StoreError
from paralbench.features.batching import BUDGETS, Limits, plan_batches
from paralbench.features.store import FeatureStore
from paralbench.runner import extraction
from paralbench.runner.cells import gather
from paralbench.runner.extraction import Encoded, Extraction, Sizing, cut, whole_report
from paralbench.runner.shared_folder import await_files
from paralbench.runner.upstream import Upstream
from paralbench.upstreams.weights import Weights


@pytest.fixture
def audio(tmp_path):
    """Sixty utterances of 0.1 to 3 s in the user's cache, and the samples of each."""
    random = np.random.default_rng(2)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, samples in enumerate(random.integers(1600, 48_000, 60)):
        wave = random.normal(0, 0.05, samples)
        soundfile.write(folder / f"{number}.wav", wave, 16_000, subtype="PCM_16")
    cache = AudioCache()
    frame = cache.prepare(folder, [Segment(str(i), f"{i}.wav") for i in range(60)])
    return cache, dict(zip(frame["content"], frame["samples"].astype(int), strict=True))


@pytest.fixture
def upstream(fakes):
    """An upstream whose features show, in a late digit, which batch they were computed in."""
    card = UpstreamCard.build(
        {
            "name": "Rounding",
            "family": "module",
            "weights": [{"source": "none"}],
            "licence": "none",
        },
        id="rounding",
    )
    encoder = fakes.RoundingEncoder()
    return Upstream(card, Weights(None, encoder.weights_key, "made up"), "fp32", given=encoder)


def parts_of(work, space, lengths, slots):
    missing = work.missing(space, lengths)
    if slots == 1:
        return work.in_one(missing, lengths)
    return work.planned(space, missing, lengths, 4 * slots, BUDGETS["cpu"])


def extract(upstream, lengths, cache, slots, order=lambda shards: shards):
    """Extract in as many parts as the slots give; the features and what the parts reported."""
    work = Extraction(upstream, "cpu", 1, False, None, cache=cache)
    space = FeatureStore().space(upstream.description)
    shards = parts_of(work, space, lengths, slots)
    told = []
    found = [work.do(shard, told.append) for shard in order(shards)]
    assert not [one for one in found if isinstance(one, Fault)]
    return shards, told, whole_report(found, space, 1.0), space.mean(sorted(lengths))


def test_the_parts_of_an_extraction_give_the_wholes_features_to_the_bit(
    audio, upstream, monkeypatch, tmp_path
):
    cache, lengths = audio
    monkeypatch.setitem(extraction.LEAST_SECONDS, "cpu", 20.0)
    # In the order in which a cluster may end them, and with one that came before.
    shards, told, report, parts = extract(upstream, lengths, cache, 2, lambda shards: shards[::-1])
    assert len(shards) == 4
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "other"))
    one, _, whole_of, whole = extract(upstream, lengths, cache, 1)
    assert len(one) == 1
    np.testing.assert_array_equal(parts, whole)
    assert report.encoded == whole_of.encoded == 60
    assert report.batches == whole_of.batches
    assert report.audio_seconds == pytest.approx(sum(lengths.values()) / 16_000)
    assert report.padding_share == pytest.approx(whole_of.padding_share, abs=0.02)
    assert dict(report.lengths) == dict(whole_of.lengths)
    ends = {event.total for event in told if isinstance(event, Encoded) and event.done}
    assert sorted(ends) == pytest.approx(sorted(shard.seconds for shard in shards))


def test_what_is_stored_is_in_no_part(audio, upstream, monkeypatch):
    cache, lengths = audio
    monkeypatch.setitem(extraction.LEAST_SECONDS, "cpu", 20.0)
    work = Extraction(upstream, "cpu", 1, False, None, cache=cache)
    space = FeatureStore().space(upstream.description)
    first, *others = parts_of(work, space, lengths, 2)
    work.do(first, lambda _: None)
    space.refresh()
    assert parts_of(work, space, lengths, 2) == others
    for shard in others:
        work.do(shard, lambda _: None)
    space.refresh()
    assert parts_of(work, space, lengths, 2) == []


def test_a_fault_of_an_encoder_comes_back_as_data(audio, upstream, fakes):
    cache, lengths = audio
    upstream.given = fakes.SmallMemoryEncoder(limit=10)
    work = Extraction(upstream, "cpu", 1, False, None, cache=cache)
    space = FeatureStore().space(upstream.description)
    (shard,) = parts_of(work, space, lengths, 1)
    found = work.do(shard, lambda _: None)
    assert isinstance(found, Fault)
    assert "memory" in found.message


def test_a_machine_that_does_not_see_the_weights_says_so(audio, upstream, tmp_path):
    cache, lengths = audio
    upstream.weights = Weights(tmp_path / "elsewhere", upstream.weights.sha256, "a folder")
    work = Extraction(upstream, "cpu", 1, False, None, cache=cache)
    (shard,) = work.in_one(list(lengths), lengths)
    fault = work.do(shard, lambda _: None)
    assert fault.error == "WeightsError"
    assert "does not see" in fault.message
    assert "PARALBENCH_HOME" in fault.message


def test_batches_are_sized_where_the_encoder_runs(audio, upstream, fakes):
    _, lengths = audio
    sizing = Sizing(upstream, "cpu", 1, False, lengths)
    assert sizing.do(tuple(lengths), lambda _: None) == BUDGETS["cpu"]
    elsewhere = Sizing(upstream, "cuda:9", 1, False, lengths)
    assert "'cuda:9' is not on this machine" in elsewhere.do(tuple(lengths), lambda _: None).message


@pytest.mark.parametrize("batching", ["any", "equal-length", "single"])
def test_every_utterance_is_in_one_part_that_is_a_range_of_batches(batching):
    random = np.random.default_rng(3)
    samples = random.integers(400, 300_000, 200).tolist()
    lengths = {f"{number:064x}": one for number, one in enumerate(samples)}
    # Windows of 10 s: many utterances are in several batches.
    batches = plan_batches(lengths, BUDGETS["cpu"], Limits(batching, 400, 160_000))
    shards = cut(batches, lengths, 300.0)
    assert sorted(itertools.chain.from_iterable(shard.contents for shard in shards)) == sorted(
        lengths
    )
    assert all(shard.seconds >= 300 for shard in shards[:-1])
    assert sum(shard.seconds for shard in shards) <= sum(samples) / 16_000 + 1e-6
    first = {}
    for number, batch in enumerate(batches):
        for piece in batch:
            first.setdefault(piece.content, number)
    ends = [[first[content] for content in shard.contents] for shard in shards]
    assert all(max(one) < min(two) for one, two in itertools.pairwise(ends))


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([1, 1, 1, 1, 1], 2, [3, 2]),
        ([1, 1, 1], 9, [1, 1, 1]),
        ([5, 1, 1, 1], 4, [5, 2, 1]),
        ([2, 3, 1], 1, [6]),
    ],
)
def test_groups_of_cells_are_gathered_and_never_cut(sizes, most, expected):
    names = iter(range(100))
    groups = [[next(names) for _ in range(size)] for size in sizes]
    parts = gather(groups, most)
    assert list(itertools.chain(*parts)) == list(itertools.chain(*groups))
    assert [len(part) for part in parts] == expected
    assert all(any(set(group) <= set(part) for part in parts) for group in groups)


def test_a_file_that_another_machine_wrote_is_waited_for(tmp_path):
    import threading

    threading.Timer(0.2, (tmp_path / "late").touch).start()
    await_files(tmp_path, ["late"], patience=10)
    with pytest.raises(StoreError, match="never, which another machine wrote"):
        await_files(tmp_path, ["late", "never"], patience=0)
