"""Models through s3prl: wav2vec, vq-wav2vec, TERA, Mockingjay, APC and DeCoAR 2.0.

Which of them a card means it says under ``options: {model: ...}``, in s3prl's words. Checkpoints
are the owners' files, read as data (:mod:`paralbench.upstreams.pickled`); s3prl's modules are built
from the plain configuration in them, and s3prl never sees the file. Layers are those that s3prl's
``S3PRLUpstream`` returns; each model's own module says which, and how it is exact under padding.

| model | layers | frames | shortest | batching |
|---|---|---|---|---|
| wav2vec, vq_wav2vec | z, then the output of each aggregator layer | 10 ms | 465 samples | any |
| tera, mockingjay | input of the first layer, output of each layer | 10 ms | 201 | any |
| apc | output of each GRU layer | 10 ms | 560 | any |
| decoar2 | input of the first layer, output of each layer | 20 ms | 560 | any |

The last four normalise log mel energies over time. They do it over what is encoded at once: a
whole utterance, or one window of an utterance that is longer than the card's ``window``.
"""

from importlib import import_module
from pathlib import Path

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.fingerprint import files_sha256
from paralbench.upstreams.found import checkpoint_file
from paralbench.upstreams.options import check_options, check_variant, folder_of
from paralbench.upstreams.s3prl_family.checkpoint import SUFFIXES, Checkpoint

VERSION = 1
NAME = "s3prl"

# Each model's module here, imported when it is wanted, because it imports s3prl.
MODELS = {
    "apc": "apc",
    "decoar2": "decoar2",
    "mockingjay": "masked_acoustic",
    "tera": "masked_acoustic",
    "vq_wav2vec": "wav2vec",
    "wav2vec": "wav2vec",
}


def load(card: UpstreamCard, folder: Path | None = None) -> Encoder:
    """The encoder in a checkpoint of the model that the card's options name.

    Raises:
        CardError: the variant or an option is unknown.
        WeightsError: damaged, more than data in it, tensors missing or unknown, or of another
            architecture than the card.
    """
    name = model_of(card)
    file = checkpoint_file(card, folder_of(card, folder), SUFFIXES)
    checkpoint = Checkpoint.read(file)
    ensure_torchaudio()  # s3prl imports torchaudio
    module = import_module(f"{__name__}.{MODELS[name]}")
    return module.load(checkpoint, card, files_sha256([file]))


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def model_of(card: UpstreamCard) -> str:
    """The model that a card's options name.

    Raises:
        CardError: the variant, an option or its value is unknown.
    """
    check_variant(card)
    check_options(card, {"model": str})
    given = card.options.get("model")
    if not isinstance(given, str) or given not in MODELS:
        raise CardError(
            f"{card.file or card.id}: options.model: {given!r} is not allowed. "
            f"Allowed: {', '.join(MODELS)}."
        )
    return given
