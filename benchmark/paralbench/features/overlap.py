"""What travels between the processor and the device while the device computes.

On a CUDA device three things go on at once: the waveforms of the next batch are copied to it from
pinned memory, a batch is encoded, and the statistics of the one before are copied back. Each kind
of copy has a stream of its own. Other devices do one thing after another.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from paralbench.features.pooling import Summary

if TYPE_CHECKING:
    import torch

Fetched = Callable[[], Summary]


class Traffic(Protocol):
    """Copies to and from a device.

    Attributes:
        depth: how many batches may be under way when the next one is begun.
    """

    depth: int

    def send(self, padded: "torch.Tensor") -> "torch.Tensor":
        """Waveforms on the device, or on their way to it: what uses them next waits for them."""
        ...

    def fetch(self, summary: Summary) -> Fetched:
        """Begin to copy statistics to the CPU; the result, called, waits and gives them."""
        ...


class InTurn:
    """One thing after another, on any device."""

    depth = 0

    def __init__(self, device: "torch.device"):
        self._device = device

    def send(self, padded: "torch.Tensor") -> "torch.Tensor":
        """See :class:`Traffic`."""
        return padded.to(self._device)

    def fetch(self, summary: Summary) -> Fetched:
        """See :class:`Traffic`."""
        on_host = summary.on_host()
        return lambda: on_host


class Overlapping:
    """Copies on streams of their own, beside what a CUDA device computes.

    torch keeps the memory of a tensor that another stream still uses (``record_stream``), and
    pinned memory until its copy is done, so nothing has to be kept here.
    """

    # One that computes and one that is queued behind it. More would wait anyway: for room in the
    # device's queue of launches, and in transformers' encoders for a look at the mask.
    depth = 2

    def __init__(self, device: "torch.device"):
        import torch

        self._device = device
        self._to, self._back = torch.cuda.Stream(device), torch.cuda.Stream(device)

    def send(self, padded: "torch.Tensor") -> "torch.Tensor":
        """See :class:`Traffic`; ``padded`` must lie in pinned memory."""
        import torch

        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._to):
            there = padded.to(self._device, non_blocking=True)
        computing.wait_stream(self._to)
        there.record_stream(computing)
        return there

    def fetch(self, summary: Summary) -> Fetched:
        """See :class:`Traffic`."""
        import torch

        self._back.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._back):
            on_host = summary.on_host(wait=False)
        for tensor in summary.tensors:
            tensor.record_stream(self._back)
        done = self._back.record_event()

        def wait() -> Summary:
            done.synchronize()
            return on_host.copied()  # pinned memory is for what comes next

        return wait


def traffic(device: "torch.device") -> Traffic:
    """How batches travel to and from a device."""
    return Overlapping(device) if device.type == "cuda" else InTurn(device)
