"""From a card to a loaded encoder, and to the description that keys its features."""

from typing import Any

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams.base import SAMPLE_RATE, Encoder
from paralbench.upstreams.registry import FAMILIES
from paralbench.upstreams.weights import Weights, resolve


def load_encoder(card: UpstreamCard, weights: Weights | None = None) -> Encoder:
    """Load an upstream and check it against its card.

    Args:
        card: the upstream's card.
        weights: where they lie; found, or fetched, if not given.

    Raises:
        UnknownNameError: the card's family does not exist.
        CardError: an option or the variant is not the family's.
        WeightsError: no weights, damaged ones, or a model of another size than the card's.
        MissingExtraError: an optional package is not installed.
    """
    family = FAMILIES.get(card.family)
    encoder = family(card, (weights or resolve(card)).folder)
    for key, stated, given in (
        ("layers", card.layers, encoder.n_layers),
        ("dim", card.dim, encoder.dim),
    ):
        if stated is not None and stated != given:
            raise WeightsError(
                f"{card.file or card.id}: {key}: the card says {stated}, the weights give {given}; "
                "either the card or the weights are of another model."
            )
    return encoder


def describe(card: UpstreamCard, weights: Weights, encoder: Encoder) -> dict[str, Any]:
    """What determines an encoder's features, beside audio, precision and pooling.

    Two cards that describe the same computation share their features, whatever their ids.
    """
    return {
        "family": card.family,
        "family_version": FAMILIES.get(card.family).version,
        "weights": weights.sha256,
        "encoder": encoder.weights_key,
        "variant": card.variant,
        "options": dict(sorted(card.options.items())),
        "window_samples": encoder.window_samples,
        "min_samples": encoder.min_samples,
        "sample_rate": SAMPLE_RATE,
    }
