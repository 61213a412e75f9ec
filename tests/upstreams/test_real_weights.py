"""The cards of Whisper base on its real weights, from the package mirror."""

import numpy as np
import pytest

from paralbench.cards import load_catalogue
from paralbench.upstreams.loading import load_encoder
from paralbench.upstreams.weights import resolve

# CTranslate2 4.8.5 (float32) on the mirror's own model.bin: the last layer's mean over the 150
# frames of the waveform below, first eight dimensions, and its norm.
REFERENCE = (-0.58236, 0.06465, -0.22108, 0.59842, 0.04739, 0.60865, 0.16305, -0.62025)
NORM = 27.04098

# The same of openai-whisper 20250625's own blocks with the mirror's weights, over the first 47891
# samples without padding, as ``reference/make_openai_whisper.py`` runs them.
UNPADDED = (-0.03072, -0.26229, -0.27334, 0.042, 0.49367, 0.52264, 0.52873, -0.54136)
UNPADDED_NORM = 26.96415


@pytest.fixture
def sweeps():
    """Three seconds of two sweeps, ``(48000,)``."""
    seconds = np.arange(48_000) / 16_000
    waveform = 0.1 * np.sin(2 * np.pi * (150 * seconds + 40 * seconds**2))
    waveform += 0.05 * np.sin(2 * np.pi * (900 * seconds - 100 * seconds**2))
    return waveform.astype(np.float32)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("kept_home")
def test_whisper_base_agrees_with_ctranslate2(pad, sweeps):
    card = load_catalogue().upstreams.get("whisper-base")
    weights = resolve(card)
    assert weights.where.startswith("package ")
    encoder = load_encoder(card, weights)
    given = encoder.forward(*pad([sweeps]))
    assert given.lengths.tolist() == [150]
    pooled = given.layers[-1][0].mean(0).numpy()
    np.testing.assert_allclose(pooled[:8], REFERENCE, rtol=0, atol=2e-4)
    assert np.linalg.norm(pooled) == pytest.approx(NORM, rel=1e-4)
    # The middle layers are not CTranslate2's output, but their size is the checkpoint's.
    assert sum(tensor.numel() for tensor in encoder.model.parameters()) == card.parameters


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("kept_home")
def test_whisper_base_without_padding_agrees_with_openai(pad, sweeps):
    card = load_catalogue().upstreams.get("whisper-base-unpadded")
    encoder = load_encoder(card, resolve(card))
    given = encoder.forward(*pad([sweeps[:47_891], sweeps]))
    assert given.lengths.tolist() == [150, 150]
    pooled = given.layers[-1][0].mean(0).numpy()
    np.testing.assert_allclose(pooled[:8], UNPADDED, rtol=0, atol=2e-4)
    assert np.linalg.norm(pooled) == pytest.approx(UNPADDED_NORM, rel=1e-4)
