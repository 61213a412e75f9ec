"""How far pooled features move from fp32 in the other precisions, family by family.

Real-size base models with random weights on noise, and Whisper base with its real weights on real
speech. An error is the relative L2 difference of the time means, averaged over clips, of the layer
where it is largest. Families that compute in fp32 whatever is asked for have none.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import soundfile
import soxr
import torch

from paralbench.cards import load_catalogue
from paralbench.features.arithmetic import arithmetic
from paralbench.features.precision import PRECISIONS, torch_dtype
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.loading import load_encoder
from paralbench.upstreams.probing import relative_difference, time_means
from paralbench.upstreams.weights import resolve

CPU = torch.device("cpu")
# One base-size model of each family, or of each kind within it.
RANDOM = [
    "ast-audioset",
    "beats-iter3",
    "data2vec-base",
    "emotion2vec-base",
    "hubert-base",
    "mert-95m",
    "moonshine-tiny",
    "sew-d-tiny",
    "tera-960h",
    "unispeech-sat-base-plus",
    "wav2vec-large",
    "wav2vec2-base",
    "wavlm-base-plus",
    "whisper-base",
]
SECONDS = (1.5, 3.0, 5.0)


def noise():
    """Noise that swells and fades four times a second, as syllables do."""
    random = np.random.default_rng(0)
    for seconds in SECONDS:
        samples = round(seconds * SAMPLE_RATE)
        envelope = 0.55 + 0.45 * np.sin(np.arange(samples) * 2 * np.pi * 4 / SAMPLE_RATE)
        yield (0.1 * envelope * random.standard_normal(samples)).astype(np.float32)


def errors(load, waveforms):
    """Precision to the mean error over waveforms, of the layer where it is largest."""
    means = {}
    for precision in PRECISIONS:
        with load() as encoder:  # anew: weights that were rounded stay so
            encoder.to(CPU, torch_dtype(precision))
            with arithmetic(torch.get_num_threads(), precision):
                means[precision] = [
                    time_means(
                        encoder.forward(
                            torch.from_numpy(encoder.prepare(wave))[None],
                            torch.tensor([len(wave)]),
                        )
                    )
                    for wave in waveforms
                ]
    found = {}
    for precision in means.keys() - {"fp32"}:
        by_clip = [
            [relative_difference(one, other) for one, other in zip(*pair, strict=True)]
            for pair in zip(means["fp32"], means[precision], strict=True)
        ]
        found[precision] = float(np.mean(by_clip, axis=0).max())
    return found


def rows(what, found):
    return [
        {
            "measure": f"{what}, {precision}",
            "ours": error,
            "unit": "relative L2 error of time means against fp32, worst layer",
            "target": "",
            "command": "pytest tests/performance/test_precision.py",
        }
        for precision, error in sorted(found.items())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("id", RANDOM)
def test_random_weights(id, record):
    card = load_catalogue().upstreams.get(id)
    found = errors(lambda: blueprints.random_encoder(card), list(noise()))
    file = record("precision", rows(f"{card.family} ({id}, random weights)", found))
    assert found.keys() == PRECISIONS.keys() - {"fp32"}
    assert all(0 <= error < 1 for error in found.values())
    assert id in file.read_text()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("kept_home")
def test_real_weights(record, shared_corpora):
    card = load_catalogue().upstreams.get("whisper-base")
    weights = resolve(card)
    files = sorted((shared_corpora / "nemo").rglob("*.flac"))[::100][:3]
    speech = [resampled(*soundfile.read(file, dtype="float32")) for file in files]
    found = errors(lambda: nullcontext(load_encoder(card, weights)), speech)
    record("precision", rows("whisper (whisper-base, real weights and speech)", found))
    assert all(0 <= error < 0.1 for error in found.values())


def resampled(samples, rate):
    return samples if rate == SAMPLE_RATE else soxr.resample(samples, rate, SAMPLE_RATE)
