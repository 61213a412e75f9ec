"""Small encoders whose behaviour is known exactly. Imported by name in processes of the tests."""

import hashlib
import os
import time

import numpy as np
import torch

from paralbench.upstreams.base import HiddenStates

KERNEL, STRIDE = 400, 320


class ConvEncoder:
    """Padding-exact: strided convolution without padding, then a chain of layers per frame.

    Each dimension has an offset, as hidden states of real encoders do.
    """

    n_layers, dim = 3, 8
    min_samples, window_samples = KERNEL, 16_000 * 30
    batching = "any"
    weights_key = hashlib.sha256(b"conv").hexdigest()

    def __init__(self, **changes):
        generator = torch.Generator().manual_seed(0)
        self.kernel = torch.randn(self.dim, 1, KERNEL, generator=generator) / KERNEL**0.5
        self.matrices = torch.randn(2, self.dim, self.dim, generator=generator) / self.dim**0.5
        self.offset = torch.linspace(-20, 20, self.dim)
        self.batches: list[list[int]] = []  # lengths, batch by batch
        self.device, self.dtype = torch.device("cpu"), torch.float32
        for name, value in changes.items():
            setattr(self, name, value)

    def prepare(self, waveform):
        return (waveform - waveform.mean()) / (waveform.std() + 1e-5)

    def forward(self, waveforms, lengths):
        self.batches.append(lengths.tolist())
        frames = torch.nn.functional.conv1d(
            waveforms[:, None].to(self.dtype), self.kernel, stride=STRIDE
        )
        layers = [frames.transpose(1, 2) + self.offset]
        for matrix in self.matrices:
            layers.append(torch.tanh(layers[-1] @ matrix) + 0.5 * layers[-1])
        valid = 1 + (lengths - KERNEL) // STRIDE
        for layer in layers:
            for row, count in enumerate(valid.tolist()):
                layer[row, count:] = 1e30 if self.dtype == torch.float32 else torch.inf
        return HiddenStates(layers, valid)

    def to(self, device, dtype):
        self.device, self.dtype = device, dtype
        for name in ("kernel", "matrices", "offset"):
            setattr(self, name, getattr(self, name).to(device, dtype))
        return self


class EqualLengthEncoder(ConvEncoder):
    """Exact only among equal lengths: it subtracts the mean over all frames, padding included."""

    batching = "equal-length"

    def forward(self, waveforms, lengths):
        hidden = super().forward(waveforms, lengths)
        return HiddenStates(
            [one - one.mean(1, keepdim=True) / 2 for one in hidden.layers], hidden.lengths
        )


class RoundingEncoder(ConvEncoder):
    """Its features show, in a late digit, which batch they were computed in."""

    seconds_per_batch = 0.0

    def forward(self, waveforms, lengths):
        time.sleep(self.seconds_per_batch)
        hidden = super().forward(waveforms, lengths)
        trace = 1 + 1e-6 * len(lengths) + 1e-6 * float(lengths.double().mean()) / 1000
        layers = []
        for layer in hidden.layers:
            layers.append(torch.where(layer.abs() < 1e29, layer * trace, layer))
        return HiddenStates(layers, hidden.lengths)


class BrokenEncoder(ConvEncoder):
    """Raises if it is ever used."""

    def forward(self, waveforms, lengths):
        raise AssertionError("nothing should be encoded")


class SmallMemoryEncoder(ConvEncoder):
    """Runs out of memory on more than so many samples, padding included."""

    limit = 100_000
    refused = 0

    def forward(self, waveforms, lengths):
        if waveforms.numel() > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().forward(waveforms, lengths)


class FunctionalsEncoder(ConvEncoder):
    """One vector per utterance, one utterance at a time, like signal processing; names its process.

    The last dimension is 0 in the process that imported this module first, else 1.
    """

    batching = "single"
    home = os.getpid()

    def __init__(self, home=0, **changes):
        super().__init__(**changes)
        self.home = home

    def forward(self, waveforms, lengths):
        assert len(lengths) == 1
        hidden = super().forward(waveforms, lengths)
        for layer in hidden.layers:
            layer[..., -1] = float(os.getpid() != self.home)
        return hidden


class DyingEncoder(FunctionalsEncoder):
    """Takes its process with it."""

    def forward(self, waveforms, lengths):
        if os.getpid() != self.home:
            os._exit(1)
        return super().forward(waveforms, lengths)


def frames_of(encoder, waveform):
    """Reference: an utterance's own frames ``(layers, frames, dim)``, window by window."""
    from paralbench.features.windows import windows

    prepared = np.asarray(encoder.prepare(waveform), np.float32)
    parts = []
    for start, end in windows(len(prepared), encoder.window_samples, encoder.min_samples):
        piece = torch.from_numpy(prepared[start:end])[None]
        hidden = encoder.forward(piece, torch.tensor([end - start]))
        count = int(hidden.lengths[0])
        parts.append(np.stack([one[0, :count].double().numpy() for one in hidden.layers]))
    return np.concatenate(parts, axis=1)
