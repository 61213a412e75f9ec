"""Extraction of frames: the same utterances, batches and guarantees as that of the means."""

import functools
import json
import shutil
import sys

import numpy as np
import pytest

from paralbench.errors import ParalbenchError, StoreError
from paralbench.features.batching import Piece
from paralbench.features.encoding import padded
from paralbench.features.extract import extract
from paralbench.features.frame_inputs import StoredFrames
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.frame_store import FrameStore
from paralbench.features.store import FeatureStore
from paralbench.features.workers import encode_in_processes


@pytest.fixture
def run(noise, store, description):
    """Extract all of the noise with the frames of the last layer."""

    def run(encoder, contents=None, **options):
        wanted = noise.contents if contents is None else contents
        options = {"frames_layer": -1, **options}
        return extract(encoder, description, wanted, noise.cache, store, **options)

    return run


def off_by(found, wanted):
    """The largest relative L2 difference of an utterance's frames."""
    pairs = zip(found, wanted, strict=True)
    return max(float(np.linalg.norm(f - w) / np.linalg.norm(w)) for f, w in pairs)


@pytest.fixture(scope="module")
def alone(noise, fakes):
    """Each utterance's own frames ``(layers, frames, dim)``, encoded by itself in float64."""
    encoder = fakes.ConvEncoder(window_samples=9000)
    return [fakes.frames_of(encoder, noise.waveforms[content]) for content in noise.contents]


@pytest.mark.parametrize("kind", ["ConvEncoder", "EqualLengthEncoder"])
@pytest.mark.parametrize("budget", [1, 40_000, 10**9])
def test_frames_are_those_of_each_utterance_alone_window_by_window(
    run, noise, fakes, alone, kind, budget
):
    encoder = getattr(fakes, kind)(window_samples=9000)
    report = run(encoder, token_budget=budget, frames_dtype="float32", frames_layer=1)
    if kind == "EqualLengthEncoder":
        alone = [fakes.frames_of(encoder, noise.waveforms[c]) for c in noise.contents]
    assert report.frames.layer == FrameLayer(1, "float32")
    found = report.frames.read(noise.contents)
    assert off_by(found, [one[1] for one in alone]) < 1e-6
    np.testing.assert_array_equal(
        report.frames.lengths(noise.contents), report.space.frames(noise.contents)
    )


@pytest.mark.parametrize(("dtype", "least"), [("float16", 1e-3), ("float32", 1e-6)])
def test_the_means_of_the_frames_are_the_stored_means(run, noise, fakes, dtype, least):
    report = run(fakes.ConvEncoder(window_samples=9000), frames_dtype=dtype)
    frames = StoredFrames(report.space, noise.contents, dtype=dtype)
    assert frames.layer == 2
    read = frames.read(np.arange(40))
    assert {one.dtype for one in read} == {np.dtype(dtype)}
    found = np.stack([one.astype(np.float64).mean(0) for one in read])
    stored = report.space.mean(noise.contents)[:, 2]
    difference = np.linalg.norm(found - stored, axis=1) / np.linalg.norm(stored, axis=1)
    assert difference.max() < least


def test_one_pass_stores_both_and_nothing_is_encoded_again(run, fakes):
    encoder = fakes.ConvEncoder()
    first = run(encoder)
    assert (first.encoded, first.reused) == (40, 0)
    assert sum(map(len, encoder.batches)) == 40 + 1  # and noise, to tell how many frames there are
    for options in ({}, {"frames_layer": 2}, {"frames_layer": None}):
        again = run(fakes.BrokenEncoder(), **options)
        assert (again.encoded, again.reused) == (0, 40)
    assert run(None, frames_layer=None).frames is None
    assert run(None).frames.folder == first.frames.folder


def test_frames_asked_for_later_leave_the_means_as_they_are(run, noise, fakes):
    first = run(fakes.RoundingEncoder(), frames_layer=None)
    means = first.space.mean(noise.contents)
    encoder = fakes.RoundingEncoder()
    second = run(encoder, contents=noise.contents[:25])
    assert (second.encoded, second.reused) == (25, 0)
    assert second.space.key == first.space.key
    np.testing.assert_array_equal(second.space.mean(noise.contents), means)
    # In the batches that were planned for the means: the encoder's output shows its batch.
    undisturbed = run(fakes.RoundingEncoder(), frames_dtype="float32")
    found = [one.mean(0, dtype=np.float64) for one in undisturbed.frames.read(noise.contents)]
    np.testing.assert_allclose(np.stack(found), means[:, 2], rtol=2e-7, atol=2e-7)


def test_another_layer_is_encoded_for_what_lacks_it(run, noise, fakes):
    run(fakes.ConvEncoder(), contents=noise.contents[:10])
    report = run(fakes.ConvEncoder(), contents=noise.contents[:10], frames_layer=0)
    assert (report.encoded, report.frames.layer.index) == (10, 0)
    with pytest.raises(ParalbenchError, match="layer 3 is not allowed"):
        run(fakes.BrokenEncoder(), frames_layer=3)
    with pytest.raises(ParalbenchError, match="layer -4 is not allowed"):
        run(fakes.BrokenEncoder(), contents=noise.contents[10:], frames_layer=-4)


def test_moments_and_frames_in_one_pass(run, noise, fakes):
    report = run(
        fakes.ConvEncoder(window_samples=9000), second_moments=True, frames_dtype="float32"
    )
    variance = report.space.moments(noise.contents)[:, 2, 2]
    found = [one.astype(np.float64).var(0) for one in report.frames.read(noise.contents)]
    np.testing.assert_allclose(np.stack(found), variance, rtol=1e-5, atol=1e-6)


def test_what_float16_cannot_hold_is_kept_in_float32(run, noise, fakes):
    length = sorted(noise.lengths.values())[-3]

    class Large(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            hidden.layers[2][lengths == length, 0, 3] = 70_000.0
            return hidden

    report = run(Large())
    assert report.excluded == {}
    for content, states in zip(noise.contents, report.frames.read(noise.contents), strict=True):
        large = noise.lengths[content] == length
        assert states.dtype == (np.float32 if large else np.float16)
        assert (states.astype(np.float32) == 70_000.0).sum() == large


def test_an_utterance_with_frames_that_are_not_finite_is_excluded(run, noise, fakes):
    length = sorted(noise.lengths.values())[-3]

    class Overflowing(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            hidden = super().forward(waveforms, lengths)
            hidden.layers[2][lengths == length, 0, 3] = np.inf
            return hidden

    report = run(Overflowing())
    bad = [content for content, samples in noise.lengths.items() if samples == length]
    assert report.excluded == dict.fromkeys(bad, "not-finite-features")
    with pytest.raises(StoreError, match="not-finite-features"):
        report.frames.read(bad)
    assert run(fakes.BrokenEncoder()).reused == 40 - len(bad)


def test_the_size_is_said_before_and_is_what_is_written(run, noise, fakes):
    lines = []
    report = run(fakes.ConvEncoder(window_samples=9000), announce=lines.append)
    (line,) = lines
    assert line.startswith("frames of layer 2 of 40 utterances: ")
    assert line.endswith(f" kB under {report.frames.folder}")
    written = sum(one.nbytes for one in report.frames.read(noise.contents))
    assert float(line.split()[7]) * 1000 == pytest.approx(written, rel=0.01)
    run(None, announce=lines.append)
    assert len(lines) == 1
    run(fakes.ConvEncoder(), frames_layer=0, contents=noise.contents[:7], announce=lines.append)
    assert lines[1].startswith("frames of layer 0 of 7 utterances: ")


def test_too_little_room_is_refused_before_anything_is_stored(run, fakes, store, monkeypatch):
    free = shutil.disk_usage("/")._replace(free=20_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    with pytest.raises(StoreError, match=r"frames of \d+ bytes.*20000 bytes \(20.0 kB\) are free"):
        run(fakes.ConvEncoder())
    assert list(store.folder.rglob("*.safetensors")) == []
    assert run(fakes.ConvEncoder(), frames_layer=None).encoded == 40


def test_batches_that_do_not_fit_into_memory_are_halved(run, noise, fakes, alone):
    report = run(
        fakes.SmallMemoryEncoder(window_samples=9000), token_budget=10**9, frames_dtype="float32"
    )
    assert report.back_offs > 0
    assert off_by(report.frames.read(noise.contents), [one[2] for one in alone]) < 1e-5


def test_half_precision_frames_are_of_its_space(run, noise, fakes, alone):
    report = run(fakes.ConvEncoder(window_samples=9000), precision="bf16")
    assert report.frames.folder.is_relative_to(report.space.folder)
    difference = off_by(report.frames.read(noise.contents), [one[2] for one in alone])
    assert 1e-4 < difference < 3e-2


def test_another_process_sends_frames_too(noise, fakes):
    loader = functools.partial(fakes.FunctionalsEncoder, fakes.FunctionalsEncoder.home)
    content = noise.contents[0]
    waveform = fakes.ConvEncoder().prepare(noise.waveforms[content])
    batches = [padded([waveform], [Piece(content, 0, 0, len(waveform))])]
    layer = FrameLayer(1, "float32")
    ((_, (pooled,)),) = encode_in_processes(batches, loader, 1, False, layer)
    wanted = fakes.frames_of(fakes.ConvEncoder(), noise.waveforms[content])[1]
    assert (pooled.states[:, -1] == 1).all()  # the encoder's word that it was another process
    assert off_by([pooled.states[:, :-1]], [wanted[:, :-1]]) < 1e-6


# Killed at a moment after it has written none, one or two more shards; then twice at once.
DISTURB = """
import json, os, random, signal, sys, time
from pathlib import Path
import fake_encoders, torch
from paralbench.audio.cache import AudioCache
from paralbench.features import collecting
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore

torch.set_num_threads(1)
given = json.loads(sys.argv[1])
collecting.FLUSH_SECONDS = 0.03
folder = Path(given["folder"])

def child():
    pid = os.fork()
    if pid:
        return pid
    try:
        encoder = fake_encoders.RoundingEncoder(seconds_per_batch=0.02, window_samples=20_000)
        extract(
            encoder, given["description"], given["contents"], AudioCache(Path(given["audio"])),
            FeatureStore(folder), token_budget=40_000, frames_layer=-1, threads=1,
        )
        os._exit(0)
    finally:
        os._exit(1)

chance = random.Random(7)
shards = lambda: sum(1 for _ in folder.glob("*/frames/*/*.safetensors"))
counts = []
for _ in range(3):
    enough = shards() + chance.randrange(3)
    pid = child()
    while shards() < enough and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.08))
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it had come to its end
    counts.append(shards())
pids = [child(), child()]
print(json.dumps([counts, [os.waitpid(pid, 0)[1] for pid in pids]]))
"""


@pytest.mark.skipif(
    sys.platform == "win32", reason="needs another platform: forks and kills processes"
)
def test_after_kills_two_processes_end_with_the_frames_of_an_undisturbed_one(
    run, noise, fakes, description, tmp_path, run_python, repository
):
    undisturbed = run(fakes.RoundingEncoder(window_samples=20_000), token_budget=40_000, threads=1)
    folder = tmp_path / "disturbed"
    given = {
        "folder": str(folder),
        "audio": str(noise.cache.folder),
        "contents": noise.contents,
        "description": description,
    }
    here = str(repository / "tests" / "features")
    done = run_python(DISTURB, json.dumps(given), env={"PYTHONPATH": here})
    counts, statuses = json.loads(done.stdout)
    assert statuses == [0, 0]
    assert counts[-1] > 0  # some kills hit the middle
    space = FeatureStore(folder).space(undisturbed.space.description)
    frames = FrameStore(space, FrameLayer(2))
    np.testing.assert_array_equal(
        space.mean(noise.contents), undisturbed.space.mean(noise.contents)
    )
    for found, wanted in zip(
        frames.read(noise.contents), undisturbed.frames.read(noise.contents), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    assert [path.name for path in folder.rglob(".*")] == []
