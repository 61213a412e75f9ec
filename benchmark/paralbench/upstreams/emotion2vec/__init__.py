"""emotion2vec: an own implementation over the published checkpoint (``emotion2vec_base.pt``).

Layers: 0 is the input of the first transformer block (projected convolution features plus
positional convolutions, after the LayerNorm that the blocks start from), then the output of every
block: of the four of the audio encoder ("prenet") and the eight main ones, so 13 in the base
model. Every one of them is after a LayerNorm. The last is what the authors' and FunASR's
``extract_features`` return: frames, without the ten extra tokens.

An utterance is normalised over its own samples where ``config.yaml`` says ``normalize``. Masking,
dropout and layer drop are off; decoder and classifier are left out. Without padding the features
are FunASR's; with padding FunASR's depend on the batch, because its positional convolutions read
what earlier ones wrote into padded frames, and the ones here do not.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.upstreams import building
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.emotion2vec import checkpoint
from paralbench.upstreams.emotion2vec.settings import Settings
from paralbench.upstreams.fingerprint import files_sha256
from paralbench.upstreams.found import checkpoint_file
from paralbench.upstreams.options import folder_of, read_options

if TYPE_CHECKING:
    import torch

    from paralbench.upstreams.emotion2vec.network import Network

VERSION = 1
NAME = "emotion2vec"


class Emotion2vecEncoder:
    """An emotion2vec encoder that is exact under padding.

    Args:
        network: with the weights, for inference.
        settings: its sizes.
        window: seconds that are encoded at once.
        weights_key: sha256 over weights and configuration.
    """

    batching: Batching = "any"

    def __init__(self, network: "Network", settings: Settings, *, window: float, weights_key: str):
        from paralbench.upstreams.padding import ValidFrames

        self.network = network
        self.weights_key = weights_key
        self.normalize = settings.normalize
        self.n_layers = 1 + settings.prenet + settings.depth
        self.dim = settings.dim
        _, kernels, strides = zip(*settings.convolutions, strict=True)
        self._frames = ValidFrames(kernels, strides)
        self.min_samples = self._frames.receptive_field
        self.window_samples = round(window * SAMPLE_RATE)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Zero mean and unit variance over the utterance, if the model was trained so.

        As ``layer_norm`` over the samples: the population's variance, plus 1e-5.
        """
        if not self.normalize:
            return waveform
        mean, variance = waveform.mean(dtype=np.float64), waveform.var(dtype=np.float64)
        return ((waveform - mean) / np.sqrt(variance + 1e-5)).astype(np.float32)

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        valid = samples_of(lengths, self.min_samples, NAME)
        with torch.inference_mode():
            frames = self._frames.set(valid, waveforms.device)
            batch = waveforms[:, : max(valid)].to(self.network.projection.weight.dtype)
            return HiddenStates(self.network(batch, self._frames), frames)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place."""
        self.network.to(device=device, dtype=dtype)
        return self


def load(card: UpstreamCard, folder: Path | None = None) -> Emotion2vecEncoder:
    """The encoder in a folder with ``config.yaml`` and a ``.pt`` file; there are no options.

    Raises:
        CardError: an option or the variant is unknown.
        WeightsError: another architecture; weights missing, unknown or damaged.
    """
    import torch

    from paralbench.upstreams.emotion2vec.network import Network

    read_options(card, {})
    folder = folder_of(card, folder)
    file = checkpoint_file(card, folder, (".pt",))
    config = checkpoint.read_config(folder)
    building.check_architecture(card, config, folder / checkpoint.CONFIG)
    settings = Settings.read(config, folder / checkpoint.CONFIG)
    with torch.device("meta"):
        own = Network(settings).state_dict()
    names = {checkpoint.published_name(name, settings.prenet): name for name in own}
    network = building.build(Network, settings, checkpoint.read_tensors(file, names), where=file)
    key = files_sha256([folder / checkpoint.CONFIG, file])
    return Emotion2vecEncoder(network, settings, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
