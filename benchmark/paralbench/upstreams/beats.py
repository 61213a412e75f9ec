"""BEATs, with speechbrain's transformer over the checkpoints that Microsoft published.

A spectrogram of 128 mel bands is cut into patches of 16 frames (160 ms) by 16 bands. The
transformer sees every patch as a token, eight to a column; a frame here is a column, the mean of
its patches, so the mean over frames is the mean over patches that the authors take, and a frame
is a stretch of time as in the other families: 6.25 a second. Mel frames that do not fill a column
are dropped, as in the authors' code.

Layers: 0 is the input of the first transformer layer (projected patches plus positional
convolution, normalised), 1 to L the outputs of the layers, as with ``output_all_hiddens`` in
speechbrain. The classifier of fine-tuned checkpoints is left out.

Each utterance's spectrogram is computed over its own samples, and patches of padding are masked
by the count of the valid ones. speechbrain and the authors derive the mask from the proportion of
padding, which is off by some patches.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import MissingExtraError, WeightsError
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.fingerprint import files_sha256
from paralbench.upstreams.found import checkpoint_file
from paralbench.upstreams.options import folder_of, read_options
from paralbench.upstreams.pickled import plain, read_pickled

if TYPE_CHECKING:
    import torch

    from paralbench.upstreams.beats_network import BeatsNetwork

VERSION = 1
NAME = "beats"
EXTRA = "beats"
LEFT_OUT = ("predictor.",)  # the classifier of fine-tuned checkpoints


class BeatsEncoder:
    """A BEATs encoder that is exact under padding.

    Args:
        network: with the weights, for inference.
        config: the checkpoint's ``cfg``.
        window: seconds that are encoded at once.
        weights_key: sha256 over the checkpoint.
    """

    batching: Batching = "any"

    def __init__(
        self, network: "BeatsNetwork", config: dict[str, Any], *, window: float, weights_key: str
    ):
        from paralbench.upstreams.beats_network import FRAME, SHIFT

        self.network = network
        self.weights_key = weights_key
        self.n_layers = config["encoder_layers"] + 1
        self.dim = config["encoder_embed_dim"]
        self.min_samples = FRAME + SHIFT * (network.patch - 1)
        self.window_samples = round(window * SAMPLE_RATE)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: its level is part of the spectrogram."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        valid = samples_of(lengths, self.min_samples, NAME)
        with torch.inference_mode():
            layers = self.network(waveforms.float(), valid)
        frames = [self.network.steps(length) for length in valid]
        return HiddenStates(layers, torch.tensor(frames, device=waveforms.device))

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; spectrograms stay in float32."""
        self.network.to(device=device, dtype=dtype)
        return self


def load(card: UpstreamCard, folder: Path | None = None) -> BeatsEncoder:
    """The encoder in a folder's ``.pt`` file, ``{cfg, model}``; there are no options.

    Raises:
        CardError: an option or the variant is unknown.
        WeightsError: another architecture; weights missing, unknown or damaged.
        MissingExtraError: speechbrain is not installed.
    """
    read_options(card, {})
    folder = folder_of(card, folder)
    require_speechbrain()
    from torch.nn.utils import parametrize

    from paralbench.upstreams.beats_network import BeatsNetwork

    file = checkpoint_file(card, folder, (".pt",))
    content = read_pickled(file)
    if not all(isinstance(content.get(name), dict) for name in ("cfg", "model")):
        raise WeightsError(f"{file}: holds no cfg and model, so it is no checkpoint of BEATs.")
    config = plain(content["cfg"], where=file)
    _check(card, config, file)
    tensors = {
        checkpoints.base_name(name, ""): tensor
        for name, tensor in content["model"].items()
        if not name.startswith(LEFT_OUT)
    }
    network = building.build(BeatsNetwork, config, tensors, where=file)
    positions = network.encoder.get_submodule("pos_conv.0")
    parametrize.remove_parametrizations(positions, "weight")
    return BeatsEncoder(network, config, window=card.window, weights_key=files_sha256([file]))


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def require_speechbrain() -> None:
    """Say what to install where speechbrain is missing.

    Raises:
        MissingExtraError: it is.
    """
    if find_spec("speechbrain") is None:
        raise MissingExtraError(f"The upstream family {NAME!r}", EXTRA)


def _check(card: UpstreamCard, config: dict[str, Any], file: Path) -> None:
    """Refuse weights whose configuration says otherwise than the card, or too little."""
    missing = [name for name in ("encoder_layers", "encoder_embed_dim") if name not in config]
    if missing:
        raise WeightsError(f"{file}: cfg says nothing of {', '.join(missing)}.")
    building.check_architecture(card, config, file)
