"""The blueprint of emotion2vec, saved as its authors publish it.

The network is this project's own, because FunASR's does not install without a model hub's client
and dozens of other packages; that both are the same is tested against FunASR's.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.upstreams.emotion2vec.checkpoint import CONFIG, WEIGHTS, published_name
from paralbench.upstreams.emotion2vec.settings import Settings

if TYPE_CHECKING:
    from torch import nn

_HEADS = 6  # no power of two, as in the published models


class Emotion2vecBlueprint:
    """emotion2vec with the card's architecture."""

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """Fewer main blocks, a narrow transformer, and a narrow front end of the same kernels."""
        smaller: dict[str, Any] = {**card.architecture, "embed_dim": 96, "depth": 2}
        audio = dict(smaller["modalities"]["audio"])
        audio |= {"prenet_depth": 2, "num_alibi_heads": _HEADS}
        audio["feature_encoder_spec"] = re.sub(r"\(\d+", "(16", audio["feature_encoder_spec"])
        return smaller | {"num_heads": _HEADS, "modalities": {"audio": audio}}

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The encoder, without a decoder."""
        from paralbench.upstreams.emotion2vec.network import Network

        return Network(Settings.read(card.architecture, card.file or card.id))

    def save(self, module: "nn.Module", card: UpstreamCard, folder: Path) -> None:
        """``config.yaml``, and the tensors under their published names."""
        import torch

        settings = Settings.read(card.architecture, card.file or card.id)
        content = {"model": "Emotion2vec", "model_conf": dict(card.architecture)}
        (folder / CONFIG).write_text(yaml.safe_dump(content), encoding="utf-8")
        state = {
            published_name(name, settings.prenet): tensor
            for name, tensor in module.state_dict().items()
        }
        torch.save({"model": state}, folder / WEIGHTS)


EMOTION2VEC = Emotion2vecBlueprint()
