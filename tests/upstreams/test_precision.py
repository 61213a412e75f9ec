"""Every upstream card in bf16: its features change with the precision, or it says that they do not.

Otherwise two keys would hold the same numbers, and a table would tell of a wrong precision.
"""

import pytest
import torch

from paralbench.cards import load_catalogue
from paralbench.features.arithmetic import arithmetic
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import fixed_precision_of
from paralbench.upstreams.probing import noise, relative_difference, time_means

CARDS = {card.id: card for card in load_catalogue().upstreams}


@pytest.mark.parametrize("id", sorted(CARDS))
def test_features_are_of_the_precision_that_keys_them(id):
    with blueprints.random_encoder(blueprints.shrunk(CARDS[id])) as encoder:
        means = []
        for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            encoder.to(torch.device("cpu"), dtype)
            with arithmetic(1, precision):
                states = encoder.forward(*noise([24_000], 0))
            means.append(time_means(states))
    errors = [relative_difference(one, other) for one, other in zip(*means, strict=True)]
    if fixed_precision_of(encoder) is None:
        assert 0 < max(errors) < 0.5
    else:
        assert fixed_precision_of(encoder) == "fp32"
        assert max(errors) == 0
