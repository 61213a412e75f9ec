"""The GE2E speaker encoder with Resemblyzer's weights (Wan et al., ICASSP 2018).

A mel spectrogram (40 bands, not logarithmic, 25 ms Hann windows every 10 ms), cut into overlapping
stretches of 1.6 s; a three-layer LSTM of each, its last state projected, rectified and
L2-normalised; the mean over the stretches, L2-normalised again.

This is Resemblyzer's ``embed_utterance``. Of its ``preprocess_wav`` the volume is kept (raised to
-30 dBFS, never lowered) and the trimming of long silences by a voice-activity detector is not: here
as in every other upstream, all samples of an utterance count, pauses included.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import nn

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates
from paralbench.upstreams.functionals import key_of, library_version
from paralbench.upstreams.options import folder_of, read_options
from paralbench.upstreams.pickled import read_pickled
from paralbench.upstreams.probing import tensors_sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
CHECKPOINT = "pretrained.pt"
MELS, DIM = 40, 256
FRAME, HOP = 400, 160  # samples: 25 ms, 10 ms
PARTIAL_FRAMES = 160  # 1.6 s
STRETCHES_PER_SECOND = 1.3
MIN_COVERAGE = 0.75  # of a last stretch, below which it is dropped
TARGET_DBFS = -30.0
CHUNK = 256  # stretches that are encoded at once: three minutes of speech


class SpeakerLSTM(nn.Module):
    """Mel stretches ``(stretches, frames, 40)`` to unit vectors ``(stretches, 256)``."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(MELS, DIM, num_layers=3, batch_first=True)
        self.linear = nn.Linear(DIM, DIM)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """The rectified projection of the last layer's last state, L2-normalised."""
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


class Ge2eEncoder:
    """One embedding per utterance. Always in float32: the model is small.

    Args:
        network: the LSTM with its weights.
        window: seconds that are embedded as one.
    """

    n_layers: int = 1
    dim: int = DIM
    min_samples: int = FRAME
    batching: Batching = "single"
    fixed_precision: str = "fp32"

    def __init__(self, network: SpeakerLSTM, window: float = 3600.0):
        self.network = network.eval()
        self.window_samples = round(window * SAMPLE_RATE)
        self.weights_key = key_of(
            family="ge2e",
            weights=tensors_sha256(network.state_dict()),
            librosa=library_version("librosa"),
        )

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Raise the waveform's root mean square to -30 dBFS; a louder one stays as it is."""
        level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
        target = 10 ** (TARGET_DBFS / 20)
        if not 0 < level < target:
            return waveform
        return (waveform * (target / level)).astype(np.float32)

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Embed each waveform's valid samples: one layer ``(batch, 1, 256)``, one frame each."""
        rows = [
            self._embed(waveform[:length])
            for waveform, length in zip(
                waveforms.detach().float().cpu().numpy(), lengths.tolist(), strict=True
            )
        ]
        layer = torch.stack(rows)[:, None, :].to(waveforms.device)
        return HiddenStates([layer], torch.ones(len(rows), dtype=torch.int64, device=layer.device))

    @torch.inference_mode()
    def _embed(self, waveform: np.ndarray) -> torch.Tensor:
        stretches = torch.from_numpy(mel_stretches(waveform))
        device = self.network.linear.weight.device
        parts = [self.network(chunk.to(device)) for chunk in stretches.split(CHUNK)]
        return nn.functional.normalize(torch.cat(parts).mean(dim=0), dim=0)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network; the precision stays float32."""
        self.network.to(device)
        return self


def stretch_starts(samples: int) -> list[int]:
    """The first mel frame of each stretch of 160 frames.

    A last stretch that the utterance covers by less than 75 % is dropped, unless it is the only
    one; one that is covered more is filled with zeros.
    """
    n_frames = -(-(samples + 1) // HOP)
    step = round(SAMPLE_RATE / STRETCHES_PER_SECOND / HOP)
    starts = list(range(0, max(1, n_frames - PARTIAL_FRAMES + step + 1), step))
    coverage = (samples - starts[-1] * HOP) / (PARTIAL_FRAMES * HOP)
    if coverage < MIN_COVERAGE and len(starts) > 1:
        starts.pop()
    return starts


def mel_stretches(waveform: np.ndarray) -> "NDArray[np.float32]":
    """The mel stretches ``(stretches, 160, 40)`` of a waveform ``(samples,)``."""
    import librosa

    starts = stretch_starts(len(waveform))
    end = (starts[-1] + PARTIAL_FRAMES) * HOP
    padded = np.pad(waveform, (0, max(0, end - len(waveform))))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=SAMPLE_RATE, n_fft=FRAME, hop_length=HOP, n_mels=MELS
    ).T.astype(np.float32)
    return np.stack([mel[start : start + PARTIAL_FRAMES] for start in starts])


def read_checkpoint(file: Path) -> SpeakerLSTM:
    """The network with the weights of a Resemblyzer checkpoint, read as data only.

    Raises:
        WeightsError: the file is missing, damaged, holds code, or is of another architecture.
    """
    state = read_pickled(file).get("model_state")
    if not isinstance(state, Mapping):
        raise WeightsError(f"{file}: no 'model_state' in it, so this is no Resemblyzer checkpoint.")
    network = SpeakerLSTM()
    # The loss's scale and offset, which embedding does not use.
    kept = {name: value for name, value in state.items() if not name.startswith("similarity_")}
    try:
        network.load_state_dict(kept)
    except RuntimeError as error:
        raise WeightsError(f"{file}: of another architecture than GE2E's: {error}") from None
    return network


def load(card: UpstreamCard, folder: Path | None) -> Ge2eEncoder:
    """The encoder of a card from the folder that holds ``pretrained.pt``; it has no options.

    Raises:
        CardError: an option is given.
        WeightsError: the checkpoint is missing, damaged or of another architecture.
    """
    read_options(card, {})
    return Ge2eEncoder(read_checkpoint(folder_of(card, folder) / CHECKPOINT), card.window)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
