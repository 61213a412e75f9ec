"""Decoding and resampling, which feed the encoders: how much audio a core gets ready in a second.

    python tests/performance/decoding.py

Made-up clips of MSP-Podcast's lengths (a voice-like buzz in noise, that swells and fades as
syllables do), written as FLAC and WAV at 16 kHz, and as WAV and mp3 at 44.1 kHz. One thread, the
ways taking turns, file by file, by the processor's time, which other work on the machine does not
lengthen; then two threads and two processes beside one thread, by the clock, which it does.

Beside ours: ``librosa.load(sr=16000)``; and soundfile with ``torchaudio.functional.resample``,
which stands in for ``torchaudio.load``: the newer torchaudio decodes through torchcodec alone.
Ours also averages channels, looks for silence, clipping and damage, and names the samples by their
sha256.
"""

import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmark")]

import soundfile  # noqa: E402
import torch  # noqa: E402
from tests.performance import table  # noqa: E402
from tests.performance.extract import msp_podcast_lengths  # noqa: E402

from paralbench.audio.decode import decode  # noqa: E402
from paralbench.audio.pcm import canonical, content_hash  # noqa: E402
from paralbench.torchaudio_cure import ensure_torchaudio  # noqa: E402

FORMATS = {
    "FLAC, 16 kHz": (16_000, "flac", "PCM_16"),
    "WAV, 16 kHz": (16_000, "wav", "PCM_16"),
    "WAV, 44.1 kHz": (44_100, "wav", "PCM_16"),
    "mp3, 44.1 kHz": (44_100, "mp3", "MPEG_LAYER_III"),
}
CLIPS, ROUNDS = 30, 4
LONG = 2  # times the clips, for threads and processes
COMMAND = "python tests/performance/decoding.py"
LIBROSA, TORCHAUDIO = "librosa.load", "soundfile and torchaudio's resample"


def voice(samples, rate, seed):
    """A buzz of 120 Hz with formant-like noise, four syllables a second."""
    random, time_ = np.random.default_rng(seed), np.arange(samples) / rate
    buzz = sum(np.sin(2 * np.pi * 120 * k * time_) / k for k in range(1, 30))
    noise = np.convolve(random.normal(size=samples), np.hanning(9) / 4, mode="same")
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time_)
    return (0.1 * envelope * (buzz + 0.3 * noise)).clip(-1, 1).astype(np.float32)


def write(folder, name, clips):
    """Files of a format, and how many seconds they are together."""
    rate, ending, subtype = FORMATS[name]
    files, seconds = [], 0.0
    for number, samples in enumerate(msp_podcast_lengths(clips)):
        wave = voice(int(samples * rate / 16_000), rate, number)
        files.append(folder / f"{number}-{rate}.{ending}")
        soundfile.write(files[-1], wave, rate, subtype=subtype)
        seconds += len(wave) / rate
    return files, seconds


def ours(file):
    """As the cache does it, up to the writing."""
    pcm = canonical(decode(file).samples)
    content_hash(pcm)
    return pcm


def with_librosa(file):
    """``librosa.load`` to 16 kHz, mono."""
    import librosa

    return librosa.load(file, sr=16_000)[0]


def with_torchaudio(file):
    """What ``torchaudio.load`` and a resampling are, with soundfile as the decoder."""
    from torchaudio.functional import resample

    wave, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono = torch.from_numpy(wave).mean(1)
    return mono if rate == 16_000 else resample(mono, rate, 16_000)


def single_thread_rows(folder):
    """Each way on one core."""
    ways = {"ours": ours, LIBROSA: with_librosa, TORCHAUDIO: with_torchaudio}
    for name in FORMATS:
        files, seconds = write(folder, name, CLIPS)
        taken = dict.fromkeys(ways, 0.0)
        for way in ways.values():
            way(files[0])
        for number in range(ROUNDS):
            for file in files:
                order = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
                for way in order:
                    started = time.process_time()
                    ways[way](file)
                    taken[way] += time.process_time() - started
        for way in (LIBROSA, TORCHAUDIO):
            measure = f"{name}, one thread: against {way}"
            yield _row(measure, taken["ours"], taken[way], seconds, "of a core's time")


def _row(measure, taken, baseline, seconds, of="by the clock"):
    rate, other = ROUNDS * seconds / taken, ROUNDS * seconds / baseline
    return {
        "measure": measure,
        "ours": rate,
        "baseline": other,
        "ratio": f"{rate / other:.2f}",
        "unit": f"s of audio, decoded and resampled, in a second {of}",
        "target": "",
        "command": COMMAND,
    }


def scaling_rows(folder):
    """Two threads, which the cache uses, and two processes, against one thread."""

    def by_clock(run):
        started = time.perf_counter()
        assert all(len(pcm) for pcm in run(ours, files))
        return time.perf_counter() - started

    for name in ("FLAC, 16 kHz", "mp3, 44.1 kHz"):
        files, seconds = write(folder, name, CLIPS * LONG)
        spawned = multiprocessing.get_context("spawn")
        with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, spawned) as processes:
            ways = {"one": map, "two threads": threads.map, "two processes": processes.map}
            by_clock(processes.map)  # they start, and import what they need
            taken = dict.fromkeys(ways, 0.0)
            for _ in range(ROUNDS):
                for way, run in ways.items():
                    taken[way] += by_clock(run)
        for way in ("two threads", "two processes"):
            yield _row(f"{name}, {way}: against one thread", taken[way], taken["one"], seconds)


def main():
    """Measure, print and write."""
    torch.set_num_threads(1)
    ensure_torchaudio()
    with tempfile.TemporaryDirectory(prefix="paralbench-decoding-") as temporary:
        rows = []
        for found in (single_thread_rows, scaling_rows):
            for row in found(Path(temporary)):
                print(row["measure"], f"{row['ours']:.0f} {row['baseline']:.0f}", flush=True)
                rows.append(row)
    table.write("decoding", rows)
    return rows


if __name__ == "__main__":
    main()
