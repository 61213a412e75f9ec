"""The Moonshine encoder (Jeffries et al., arXiv 2410.15608), exact under padding.

A raw waveform, three convolutions without padding (127, 7 and 3 wide, strides 64, 3 and 2: 384
samples per frame, 895 seen by the first), a GroupNorm over time and all channels after the first,
and a transformer with rotary positions. It was trained on segments of 4 to 30 s, unpadded.

Transformers' ``MoonshineEncoder.forward`` takes the GroupNorm's statistics over the padding too and
thins an attention mask of samples out to frames, of which it keeps some that see padding. So its
parts are run here: the GroupNorm over the valid frames, and no frame attends to another that is
not all speech. Alone and unpadded the features are those of ``MoonshineEncoder``.

Layers: 0 is the input of the first transformer layer, 1 to L - 1 the outputs of the layers, L the
last layer's output after the encoder's final LayerNorm, as in transformers' ``hidden_states``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.options import folder_of, read_options

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "moonshine"
PREPROCESSOR = {"do_normalize": False, "sampling_rate": SAMPLE_RATE}


class MoonshineEncoder:
    """Moonshine's encoder over waveforms of any length.

    Args:
        model: transformers' ``MoonshineEncoder``; its GroupNorm and rotations are replaced.
        rotations: transformers' ``MoonshineRotaryEmbedding``, which stays in float32.
        window: seconds of speech that are encoded at once.
        weights_key: sha256 over weights and configuration.
    """

    batching: Batching = "any"

    def __init__(self, model: Any, rotations: Any, *, window: float, weights_key: str):
        from torch import nn

        from paralbench.upstreams.padding import ValidFrames, ValidNorm

        convolutions = (model.conv1, model.conv2, model.conv3)
        self._frames = ValidFrames(
            [one.kernel_size[0] for one in convolutions], [one.stride[0] for one in convolutions]
        )
        model.groupnorm = ValidNorm(model.groupnorm, self._frames, 0)
        model.rotary_emb = nn.Identity()  # not cast with the weights: positions need float32
        self.model, self.rotations = model, rotations
        self.weights_key = weights_key
        self.n_layers = len(model.layers) + 1
        self.dim = model.config.hidden_size
        self.min_samples = self._frames.receptive_field
        self.window_samples = round(window * SAMPLE_RATE)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: the GroupNorm scales it, window by window."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is too short to give a frame.
        """
        import torch
        from torch.nn import functional

        from paralbench.upstreams.padding import attention_mask

        samples = samples_of(lengths, self.min_samples, NAME)
        model = self.model
        with torch.inference_mode():
            frames = self._frames.set(samples, waveforms.device)
            inputs = waveforms[:, None, : max(samples)].to(model.dtype)
            states = model.groupnorm(torch.tanh(model.conv1(inputs)))
            states = functional.gelu(model.conv3(functional.gelu(model.conv2(states))))
            states = states.transpose(1, 2)
            positions = torch.arange(states.shape[1], device=states.device)[None]
            rotations = self.rotations(states, position_ids=positions)
            valid = self._frames.mask
            mask = None if valid is None else attention_mask(valid, states.dtype)
            layers = [states]
            for layer in model.layers:
                states = layer(states, attention_mask=mask, position_embeddings=rotations)
                layers.append(states)
            layers[-1] = model.layer_norm(states)
        return HiddenStates(layers, frames)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; rotations stay in float32."""
        self.model.to(device=device, dtype=dtype)
        self.rotations.to(device)
        return self


def load(card: UpstreamCard, folder: Path | None = None) -> MoonshineEncoder:
    """The encoder in a transformers folder of a Moonshine model; the decoder is not read.

    Raises:
        CardError: an option is given, or a variant other than ``plain``.
        WeightsError: another architecture or input; weights missing, unknown or damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    read_options(card, {})
    folder = folder_of(card, folder)
    data = checkpoints.read_config(folder, [NAME], NAME)

    ensure_torchaudio()  # transformers imports torchaudio when it is installed
    from transformers import MoonshineConfig
    from transformers.models.moonshine import modeling_moonshine

    config = building.configuration(MoonshineConfig, data, card, folder)
    checkpoints.check_preprocessor(folder, PREPROCESSOR)

    tensors = checkpoints.read_tensors(folder, checkpoints.encoder_name)
    model = building.build(modeling_moonshine.MoonshineEncoder, config, tensors, where=folder)
    key = checkpoints.weights_key(folder)
    rotations = modeling_moonshine.MoonshineRotaryEmbedding(config)  # no weights of a checkpoint's
    return MoonshineEncoder(model, rotations, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
