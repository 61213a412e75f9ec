"""An upstream family: the level and the zero crossings of 20 ms frames."""

from paralbench.upstreams.base import HiddenStates

FRAME = 320  # samples


class LevelEncoder:
    """Two features of each whole frame: root mean square, and share of sign changes."""

    n_layers, dim = 1, 2
    min_samples, window_samples = FRAME, 30 * 16_000
    batching = "any"
    weights_key = "0" * 64

    def prepare(self, waveform):
        """Leave the waveform as it is."""
        return waveform

    def forward(self, waveforms, lengths):
        """Encode a batch; a frame depends on its own samples alone."""
        import torch

        frames = waveforms.unfold(1, FRAME, FRAME)  # (batch, frames, samples)
        level = frames.square().mean(dim=2).sqrt()
        crossings = (frames[..., 1:] * frames[..., :-1] < 0).to(level.dtype).mean(dim=2)
        states = torch.stack([level, crossings], dim=2)
        return HiddenStates([states], torch.div(lengths, FRAME, rounding_mode="floor"))

    def to(self, device, dtype):
        """Nothing to move."""
        return self


def load(card, folder=None):
    """The encoder of a card."""
    return LevelEncoder()


load.version = 1
