"""A base and a large model at their real size, with random weights: no batch shows."""

import pytest

from paralbench.cards import load_catalogue
from paralbench.features.exactness import TOLERANCE, batch_error
from paralbench.upstreams import blueprints


@pytest.mark.slow
@pytest.mark.parametrize("id", ["wavlm-base-plus", "wav2vec2-large-lv60"])
def test_a_model_of_real_size_does_not_show_its_batch(id, agrees):
    card = load_catalogue().upstreams.get(id)
    with blueprints.random_encoder(card) as encoder:
        assert (encoder.n_layers, encoder.dim) == (card.layers, card.dim)
        error = batch_error(encoder, lengths=(4_000, 80_000))
    assert error.shared == 3
    agrees(f"{card.family} ({id}, real size)", "a batch, against alone", error.largest, TOLERANCE)
