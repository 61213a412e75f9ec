"""The blueprint of GE2E: its one size, saved as Resemblyzer publishes it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.upstreams.ge2e import CHECKPOINT, SpeakerLSTM

if TYPE_CHECKING:
    from torch import nn


class Ge2eBlueprint:
    """The speaker LSTM, which has one size only."""

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """Nothing can be smaller."""
        return card.architecture

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The network that is used; the loss's two numbers are not part of it."""
        return SpeakerLSTM()

    def save(self, module: "nn.Module", card: UpstreamCard, folder: Path) -> None:
        """``pretrained.pt`` with the step and the state, the loss's numbers among it."""
        import torch

        loss = {"similarity_weight": torch.tensor([10.0]), "similarity_bias": torch.tensor([-5.0])}
        state = dict(module.state_dict()) | loss
        torch.save({"step": 0, "model_state": state}, folder / CHECKPOINT)


GE2E = Ge2eBlueprint()
