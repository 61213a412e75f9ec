"""Every upstream card, with its true architecture: it loads, and no batch shows in its features.

Widths, depths and vocabularies are small and the weights are random; kernels, strides, norms,
positions, masks and windows are those of the card. ``tests/upstreams/test_real_size.py`` runs two
cards unshrunk.
"""

import pytest

from paralbench.cards import load_catalogue
from paralbench.features.exactness import TOLERANCE, batch_error
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import Encoder

CARDS = {card.id: card for card in load_catalogue().upstreams}
every_card = pytest.mark.parametrize("id", sorted(CARDS))

BATCH = "a batch with waveforms up to 20 times longer, against alone"

CORE = {
    "wav2vec-large",
    "vq-wav2vec-kmeans",
    "tera-960h",
    "wav2vec2-base",
    "wav2vec2-large-lv60",
    "xls-r-300m",
    "hubert-base",
    "hubert-large",
    "wavlm-base-plus",
    "wavlm-large",
    "unispeech-sat-large",
    "data2vec-large",
    "whisper-large-v3",
    "emotion2vec-base",
}


@pytest.fixture
def encoder(id):
    """The card's encoder with its true architecture, small, with random weights."""
    with blueprints.random_encoder(blueprints.shrunk(CARDS[id])) as loaded:
        yield loaded


def test_the_core_is_the_suites():
    assert {id for id, card in CARDS.items() if card.core} == CORE
    in_core_folder = {id for id, card in CARDS.items() if card.folder.name == "upstreams"}
    assert in_core_folder == CORE


@every_card
def test_pooled_statistics_do_not_depend_on_the_batch(id, encoder, agrees):
    assert isinstance(encoder, Encoder)
    error = batch_error(encoder)
    agrees(CARDS[id].family, BATCH, error.largest, TOLERANCE)
    assert error.shared >= {"any": 6, "equal-length": 2, "single": 0}[encoder.batching]


@every_card
def test_the_card_states_the_size_of_its_architecture(id):
    card = CARDS[id]
    if card.parameters is None:
        pytest.fail(f"{id}: no number of parameters on the card") if card.core else None
        return
    assert blueprints.count_parameters(card) == card.parameters
