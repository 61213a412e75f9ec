"""The quantisers of vq-wav2vec, without s3prl's intermediate tensors.

s3prl compares every frame with every codeword in one tensor, 2 GB for 30 s of speech, beside
statistics that only training reads. The codes are the same.
"""

from typing import Any

import torch


def codewords(quantiser: Any, features: torch.Tensor) -> torch.Tensor:
    """The codewords that stand for features, group by group.

    Args:
        quantiser: s3prl's ``KmeansVectorQuantizer`` or ``GumbelVectorQuantizer``, in float32.
        features: ``(1, dim, frames)``, without padding.

    Returns:
        ``(1, dim of the codewords, frames)``.
    """
    choose = _nearest if hasattr(quantiser, "projection") else _likeliest
    return choose(quantiser, features).flatten(1).T[None]


def _nearest(quantiser: Any, features: torch.Tensor) -> torch.Tensor:
    """k-means: the nearest codeword of each group, ``(frames, groups, dim)``."""
    projected = quantiser.projection(features)[0].T.unflatten(-1, (quantiser.groups, -1))
    book = quantiser.expand_embedding
    chosen = []
    for group in range(quantiser.groups):
        # Without matrix products, whose rounding errors exceed the distance between near codewords.
        distances = torch.cdist(
            projected[:, group].contiguous(),
            book[:, group].contiguous(),
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        chosen.append(book[distances.argmin(dim=-1), group])
    return torch.stack(chosen, dim=1)


def _likeliest(quantiser: Any, features: torch.Tensor) -> torch.Tensor:
    """Gumbel: the codeword of each group with the largest logit, ``(frames, groups, dim)``."""
    logits = quantiser.weight_proj(features[0].T).unflatten(-1, (quantiser.groups, -1))
    book = quantiser.vars[0].unflatten(0, (-1, quantiser.num_vars))
    if quantiser.combine_groups:
        book = book.expand(quantiser.groups, -1, -1)
    codes = logits.argmax(dim=-1)
    return torch.stack([book[group, codes[:, group]] for group in range(len(book))], dim=1)
