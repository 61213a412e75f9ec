"""The upstream families by name. Listing them imports none of them, and no torch."""

from pathlib import Path
from typing import Protocol

from paralbench.cards import UpstreamCard
from paralbench.registry import Registry
from paralbench.upstreams.base import Encoder


class Family(Protocol):
    """From a card, and the folder where its weights lie, to an encoder.

    Attributes:
        version: raised whenever the family's features change; it is part of their key.
    """

    version: int

    def __call__(self, card: UpstreamCard, folder: Path | None, /) -> Encoder:
        """Load the encoder.

        Raises:
            CardError: an option or the variant is not the family's.
            WeightsError: the weights do not fit the family or the card.
            MissingExtraError: an optional package is not installed.
        """
        ...


FAMILIES: Registry[Family] = Registry(
    "upstream family",
    "paralbench.families",
    {
        "ast": "paralbench.upstreams.spectrogram_transformer:load",
        "beats": "paralbench.upstreams.beats:load",
        "emotion2vec": "paralbench.upstreams.emotion2vec:load",
        "fbank": "paralbench.upstreams.fbank:load",
        "ge2e": "paralbench.upstreams.ge2e:load",
        "mert": "paralbench.upstreams.mert:load",
        "moonshine": "paralbench.upstreams.moonshine:load",
        "opensmile": "paralbench.upstreams.opensmile_family:load",
        "prosody": "paralbench.upstreams.prosody:load",
        "s3prl": "paralbench.upstreams.s3prl_family:load",
        "wav2vec2-bert": "paralbench.upstreams.wav2vec2_bert:load",
        "wav2vec2-like": "paralbench.upstreams.wav2vec2_like:load",
        "whisper": "paralbench.upstreams.whisper:load",
    },
)
