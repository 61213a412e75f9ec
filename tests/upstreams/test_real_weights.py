"""The whisper-base card on its real weights, from the package mirror."""

import numpy as np
import pytest

from paralbench.cards import load_catalogue
from paralbench.upstreams.loading import load_encoder
from paralbench.upstreams.weights import resolve

# CTranslate2 4.8.5 (float32) on the mirror's own model.bin: the last layer's mean over the 150
# frames of the waveform below, first eight dimensions, and its norm.
REFERENCE = (-0.58236, 0.06465, -0.22108, 0.59842, 0.04739, 0.60865, 0.16305, -0.62025)
NORM = 27.04098


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("kept_home")
def test_whisper_base_agrees_with_ctranslate2(pad):
    card = load_catalogue().upstreams.get("whisper-base")
    weights = resolve(card)
    assert weights.where.startswith("package ")
    encoder = load_encoder(card, weights)
    seconds = np.arange(48_000) / 16_000
    waveform = 0.1 * np.sin(2 * np.pi * (150 * seconds + 40 * seconds**2))
    waveform += 0.05 * np.sin(2 * np.pi * (900 * seconds - 100 * seconds**2))
    given = encoder.forward(*pad([waveform.astype(np.float32)]))
    assert given.lengths.tolist() == [150]
    pooled = given.layers[-1][0].mean(0).numpy()
    np.testing.assert_allclose(pooled[:8], REFERENCE, rtol=0, atol=2e-4)
    assert np.linalg.norm(pooled) == pytest.approx(NORM, rel=1e-4)
    # The middle layers are not CTranslate2's output, but their size is the checkpoint's.
    assert sum(tensor.numel() for tensor in encoder.model.parameters()) == card.parameters
