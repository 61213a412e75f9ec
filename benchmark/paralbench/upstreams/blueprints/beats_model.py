"""The blueprint of BEATs: speechbrain's transformer, saved as Microsoft publishes it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.upstreams.beats import require_speechbrain

if TYPE_CHECKING:
    from torch import nn

# How weight normalisation was saved before torch's parametrisations.
_OLD_NAMES = {
    ".parametrizations.weight.original0": ".weight_g",
    ".parametrizations.weight.original1": ".weight_v",
}


class BeatsBlueprint:
    """BEATs with the card's architecture."""

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """Three narrow layers; patches, positions and norms stay."""
        return card.architecture | {
            "embed_dim": 16,
            "encoder_layers": 3,
            "encoder_embed_dim": 32,
            "encoder_ffn_embed_dim": 48,
            "encoder_attention_heads": 4,
        }

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The encoder, without a classifier."""
        require_speechbrain()
        from paralbench.upstreams.beats_network import BeatsNetwork

        return BeatsNetwork(card.architecture)

    def save(self, module: "nn.Module", card: UpstreamCard, folder: Path) -> None:
        """One file with the configuration and the tensors."""
        import torch

        state = {}
        for name, tensor in module.state_dict().items():
            for new, old in _OLD_NAMES.items():
                name = name.replace(new, old)
            state[name] = tensor
        torch.save({"cfg": dict(card.architecture), "model": state}, folder / "BEATs_iter3.pt")


BEATS = BeatsBlueprint()
