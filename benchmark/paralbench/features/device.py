"""The device that computes: whether it is there, its name, the memory it took."""

import sys
from typing import TYPE_CHECKING

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    import torch


def find_device(given: "str | torch.device") -> "torch.device":
    """The device, if it is on this machine.

    Args:
        given: such as ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ParalbenchError: it is not there, or no such kind of device is known.
    """
    import torch

    here = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    try:
        device = torch.device(given)
    except RuntimeError:  # what torch raises for a word it does not know
        device = None
    if device is not None and device.type == "cuda" and device.index is None:
        index = torch.cuda.current_device() if torch.cuda.is_available() else 0
        device = torch.device("cuda", index)
    if device is None or str(device) not in here:
        raise ParalbenchError(f"device {str(given)!r} is not on this machine: {', '.join(here)}.")
    return device


def device_name(device: "torch.device") -> str:
    """The model of a CUDA device, else the kind of device."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def with_backend(device: str, backend: str) -> str:
    """A device's name with what computes on it, where that is not torch: ``cpu (openvino)``."""
    return device if backend == "torch" else f"{device} ({backend})"


def start_measuring(device: "torch.device") -> None:
    """Forget earlier peaks, where the device can (a process cannot)."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_share(device: "torch.device", *, reset: bool = False) -> float:
    """How much of a CUDA device's memory was taken at the peak, by all processes; else 0.

    Args:
        device: which.
        reset: forget earlier peaks, and give back what is only kept for later.
    """
    import torch

    if device.type != "cuda":
        return 0.0
    if reset:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    free, total = torch.cuda.mem_get_info(device)
    others = total - free - torch.cuda.memory_reserved(device)
    return (others + torch.cuda.max_memory_reserved(device)) / total


def peak_memory(device: "torch.device") -> int:
    """Bytes: tensors on a CUDA device, else the resident size of this process or of a child.

    The process's peak is that of its whole life, and counts memory-mapped pages. 0 where the
    platform does not say.
    """
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peaks = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return max(peaks) * (1 if sys.platform == "darwin" else 1024)
