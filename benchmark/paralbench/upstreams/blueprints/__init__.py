"""Checkpoints with random weights, from a card's architecture, in their owners' own layout.

A blueprint builds what the owners' code builds, and saves it as they publish it, so that the
family's loader reads it as it would read the real one. That serves three ends: a machine can be
measured before any checkpoint is fetched (``paralbench doctor --random``), the tests run every
card's true architecture, and the number of parameters on a card is checked.

The weights say nothing about speech.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import InstalledWeights, NoWeights
from paralbench.registry import Registry
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.registry import FAMILIES

if TYPE_CHECKING:
    from torch import nn


class Blueprint(Protocol):
    """How a family's checkpoints are made."""

    def shrink(self, card: UpstreamCard) -> dict[str, JsonValue]:
        """The card's architecture, smaller in width, depth and vocabulary and in nothing else."""
        ...

    def build(self, card: UpstreamCard) -> "nn.Module":
        """The owners' module for the card's architecture, with the weights torch draws for it."""
        ...

    def save(self, module: "nn.Module", card: UpstreamCard, folder: Path) -> None:
        """Write the module into an existing empty folder as its owners publish it."""
        ...


BLUEPRINTS: Registry[Blueprint] = Registry(
    "blueprint of the upstream family",
    "paralbench.blueprints",
    {
        "ast": "paralbench.upstreams.blueprints.spectrogram_transformers:AST",
        "beats": "paralbench.upstreams.blueprints.beats_model:BEATS",
        "emotion2vec": "paralbench.upstreams.blueprints.emotion2vec_model:EMOTION2VEC",
        "ge2e": "paralbench.upstreams.blueprints.ge2e_model:GE2E",
        "mert": "paralbench.upstreams.blueprints.transformers_models:MERT",
        "moonshine": "paralbench.upstreams.blueprints.recognisers:MOONSHINE",
        "s3prl": "paralbench.upstreams.blueprints.s3prl_models:S3PRL",
        "wav2vec2-bert": "paralbench.upstreams.blueprints.transformers_models:WAV2VEC2_BERT",
        "wav2vec2-like": "paralbench.upstreams.blueprints.transformers_models:WAV2VEC2_LIKE",
        "whisper": "paralbench.upstreams.blueprints.recognisers:WHISPER",
    },
)


def count_parameters(card: UpstreamCard) -> int:
    """The number of parameters of the card's architecture, as its owners' code builds it.

    Raises:
        CardError: the card states no architecture.
        UnknownNameError: the family has no blueprint.
    """
    if _needs_none(card):
        return 0
    import torch

    blueprint = _blueprint(card)  # first: what is imported on the meta device stays there
    with torch.device("meta"):  # no memory and no time for the weights themselves
        module = blueprint.build(card)
    return sum(one.numel() for one in module.parameters())


def shrunk(card: UpstreamCard) -> UpstreamCard:
    """The card of a smaller model of the same structure, for tests; it has the same id.

    Raises:
        CardError: the card states no architecture.
        UnknownNameError: the family has no blueprint.
    """
    if _needs_none(card):
        return card
    smaller = _blueprint(card).shrink(card)
    return card.model_copy(update={"architecture": smaller, "layers": None, "dim": None})


def write_random(card: UpstreamCard, folder: Path, *, seed: int = 0) -> None:
    """Write a checkpoint of the card's architecture, with random weights, into a new folder.

    Raises:
        CardError: the card states no architecture.
        UnknownNameError: the family has no blueprint.
    """
    import torch

    blueprint = _blueprint(card)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = blueprint.build(card).eval()
    folder.mkdir(parents=True)
    blueprint.save(module, card, folder)


@contextmanager
def random_encoder(card: UpstreamCard, *, seed: int = 0) -> Iterator[Encoder]:
    """The card's encoder with random weights, loaded by its family from a temporary folder.

    Raises:
        CardError: the card states no architecture.
        UnknownNameError: the family has no blueprint.
        MissingExtraError: an optional package is not installed.
    """
    family = FAMILIES.get(card.family)
    if _needs_none(card):
        yield family(card, None)
        return
    with tempfile.TemporaryDirectory(prefix="paralbench-random-") as temporary:
        folder = Path(temporary) / card.id
        write_random(card, folder, seed=seed)
        yield family(card, folder)


def _needs_none(card: UpstreamCard) -> bool:
    return isinstance(card.weights[0], NoWeights | InstalledWeights)


def _blueprint(card: UpstreamCard) -> Blueprint:
    ensure_torchaudio()  # transformers and s3prl import torchaudio when it is installed
    return BLUEPRINTS.get(card.family)
