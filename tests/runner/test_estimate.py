"""What a dry run says, against what the run then does."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from paralbench.cards import load_catalogue
from paralbench.features.batching import limits_of, plan_batches
from paralbench.features.encoding import BatchEncoder
from paralbench.features.flops import measure_flops
from paralbench.runner.estimate import Encoding, Estimate, estimate
from paralbench.runner.execute import execute
from paralbench.runner.planned_audio import PlannedAudio
from paralbench.runner.request import Request
from paralbench.runner.trial import Trial
from paralbench.upstreams.base import HiddenStates

REQUEST = Request(
    upstreams=("fbank",), tasks=("voices-emotion",), recipes=("knn",), device="cpu", seeds=1
)


@pytest.fixture
def catalogue(cards):
    return load_catalogue([cards])


def samples_of(cards):
    return sum(sf.info(file).frames for file in Path(cards, "clips").glob("*.wav"))


def test_lengths_are_assumed_until_the_corpus_was_decoded_and_nothing_is_encoded_twice(
    catalogue, cards, tmp_path
):
    before = estimate(catalogue, REQUEST)
    (audio,), (fbank,) = before.corpora, before.encodings
    assert (len(audio.samples), audio.assumed, audio.to_decode) == (36, 36, 36)
    assert audio.seconds == fbank.audio_seconds == 36 * 3.0
    assert (fbank.clips, fbank.stored, fbank.cells) == (36, 0, 1)
    assert fbank.seconds > 0
    assert (fbank.flops, fbank.least_seconds) == (None, None)  # signal processing
    assert "assumed: 3 s a clip" in before.lines[1]

    execute(catalogue, replace(REQUEST, limit=12), tmp_path / "part")
    some = estimate(catalogue, REQUEST)
    assert (some.encodings[0].clips, some.encodings[0].stored) == (24, 12)
    assert some.corpora[0].to_decode == some.corpora[0].assumed == 24

    execute(catalogue, REQUEST, tmp_path / "whole")
    after = estimate(catalogue, REQUEST)
    (audio,), (fbank,) = after.corpora, after.encodings
    assert (audio.assumed, audio.to_decode, audio.pcm_bytes) == (0, 0, 0)
    assert sum(audio.samples.values()) == samples_of(cards)
    assert (fbank.clips, fbank.stored) == (0, 36)
    assert (fbank.seconds, fbank.flops, fbank.bytes) == (0, 0, 0)


def test_disk_is_what_features_take(catalogue, tmp_path):
    found = estimate(catalogue, REQUEST).encodings[0]
    assert found.bytes == found.features_bytes == 36 * 2 * 80 * 4  # float32


class Slow:
    """Frames of 20 ms; takes a second for 40 s of audio, padding included."""

    n_layers, dim = 2, 4
    min_samples, window_samples = 400, 16_000 * 30
    batching = "any"
    weights_key = "slow"

    def prepare(self, waveform):
        return waveform

    def forward(self, waveforms, lengths):
        time.sleep(waveforms.numel() / 16_000 / 40)
        frames = waveforms.unfold(1, 400, 320) @ torch.ones(400, self.dim)
        return HiddenStates([frames, frames + 1], 1 + (lengths - 400) // 320)

    def to(self, device, dtype):
        return self


@pytest.mark.parametrize("counted", [True, False])
def test_a_trial_of_one_batch_tells_the_time_of_all(counted):
    encoder = Slow()
    rng = np.random.default_rng(3)
    lengths = {f"{i:064x}": int(n) for i, n in enumerate(rng.uniform(0.5, 6.0, 30) * 16_000)}
    batches = plan_batches(lengths, 10 * 16_000, limits_of(encoder))
    flops = measure_flops(encoder) if counted else None
    trial = Trial("fp32", "cpu", 1, False, None)
    expected, frame_rate = trial.seconds(encoder, batches, flops)
    pooling = BatchEncoder(encoder, torch.device("cpu"))
    started = time.perf_counter()
    for batch in batches:
        pooling.encode([np.ones(piece.samples, np.float32) for piece in batch])
    assert expected == pytest.approx(time.perf_counter() - started, rel=0.35)
    assert frame_rate == pytest.approx(50, rel=0.05)


def audio(corpus="voices", **changes):
    return PlannedAudio(corpus, {"0" * 64: 16_000 * 7200, "1" * 64: 16_000}, **changes)


def encoding(**changes):
    known = {"clips": 2, "audio_seconds": 7201.0, "device": "cuda", "precision": "bf16"}
    sizes = {"flops": 2.5e15, "seconds": 90.0, "least_seconds": 4.0, "features_bytes": 3_000_000}
    return Encoding("large", 3, **{**known, **sizes, **changes})


def test_the_text_is_aligned_and_totals_say_what_is_not_known():
    missing = dict.fromkeys(("flops", "seconds", "least_seconds"))
    found = Estimate(
        (audio(to_decode=1, assumed=0, pcm_bytes=32_000),),
        (
            Encoding("floors", 4),
            encoding(),
            encoding(moments_bytes=7_000_000_000, frames_bytes=2_000_000, frames_layer=12),
            Encoding("gone", 3, 2, audio_seconds=7201.0, **missing, problem="no weights here"),
        ),
        ("nemo: not on this machine",),
    )
    lines = found.lines
    assert lines[0] == "skipped: nemo: not on this machine"
    heads = next(line for line in lines if line.startswith("upstream"))
    total = next(line for line in lines if line.startswith("total"))
    end = heads.index("time") + len("time")
    assert [line[:end].split()[-1] for line in (heads, total)] == ["time", "min"]
    assert total.split() == [
        *("total", "13", "6", "0", "6.0", "h", ">", "5", "P", ">", "3", "min"),
        *(">", "8", "s", "7.0", "GB"),
    ]
    assert "gone: not measured: no weights here" in lines
    assert lines[-1] == (
        "large: 3.0 MB of features, 7.0 GB of second moments, about 2.0 MB of frames of layer 12"
    )
    data = found.to_json()
    assert data["upstreams"][2]["bytes"] == 7_005_000_000
    assert json.loads(json.dumps(data)) == data
