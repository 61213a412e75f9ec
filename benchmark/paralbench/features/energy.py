"""Energy that a device took, where it says: NVIDIA's counters of a GPU, Intel's of the processors.

A GPU's counter (NVML, through the package ``nvidia-ml-py``) counts that GPU alone, from Volta on.
RAPL (Linux, Intel and AMD) counts whole processors, with all that others run on them, and most
systems let only root read it. Elsewhere there is no figure, and none is made up.
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import torch

RAPL = Path("/sys/class/powercap")
_READ_EVERY = 60.0  # seconds; a RAPL counter starts over after half an hour at the least


class Counter(Protocol):
    """A counter of energy."""

    def advance(self) -> float:
        """Joules since the last call, or since the counter was found.

        Raises:
            OSError, ValueError: it cannot be read any more.
        """
        ...


class EnergyMeter:
    """Measures the energy that a device takes while a ``with`` block runs.

    Args:
        device: whose energy.
        rapl: the folder of the processors' counters.
    """

    def __init__(self, device: "torch.device | str", *, rapl: Path = RAPL):
        self._counter = find_counter(device, rapl=rapl)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep_reading, daemon=True)
        self._joules = 0.0

    def __enter__(self) -> Self:
        self._read(first=True)
        if self._counter is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._read()

    @property
    def joules(self) -> float | None:
        """Energy so far, as last read; None if the device does not say."""
        return None if self._counter is None else self._joules

    def _keep_reading(self) -> None:
        while not self._stop.wait(_READ_EVERY):
            self._read()

    def _read(self, first: bool = False) -> None:
        with self._lock:
            if self._counter is None:
                return
            try:
                joules = self._counter.advance()
            except (OSError, ValueError):
                self._counter = None
                return
            self._joules += 0.0 if first else joules


def find_counter(device: "torch.device | str", *, rapl: Path = RAPL) -> Counter | None:
    """The counter of a device's energy; None where there is none, or none that may be read."""
    import torch

    place = torch.device(device)
    if place.type == "cuda":
        return _nvml(place)
    return RaplCounter.find(rapl) if place.type == "cpu" else None


class RaplCounter:
    """The counters of all processors together.

    Args:
        folders: one per processor, each with ``energy_uj`` and ``max_energy_range_uj``.

    Raises:
        OSError, ValueError: a file cannot be read, or holds no number.
    """

    def __init__(self, folders: list[Path]):
        self._files = [folder / "energy_uj" for folder in folders]
        self._ranges = [_number(folder / "max_energy_range_uj") for folder in folders]
        self._last = [_number(file) for file in self._files]

    @classmethod
    def find(cls, root: Path) -> "RaplCounter | None":
        """The processors' counters below a folder; None if there are none or they are closed.

        Their parts (cores, memory) are not counted again, nor is ``psys``, which holds them all.
        """
        try:
            folders = [
                folder
                for folder in sorted(root.glob("intel-rapl:*"))
                if (folder / "name").read_text().startswith("package")
            ]
            return cls(folders) if folders else None
        except (OSError, ValueError):
            return None

    def advance(self) -> float:
        """Joules since the last call; a counter that started over meanwhile is understood."""
        now = [_number(file) for file in self._files]
        taken = sum(
            (after - before) % (largest + 1)
            for before, after, largest in zip(self._last, now, self._ranges, strict=True)
        )
        self._last = now
        return taken / 1e6


def _number(file: Path) -> int:
    return int(file.read_text())


class NvmlCounter:
    """The counter of one GPU.

    Args:
        nvml: the module ``pynvml``.
        handle: the GPU, as that module names it.

    Raises:
        OSError: the GPU has none.
    """

    def __init__(self, nvml: Any, handle: Any):
        self._nvml, self._handle = nvml, handle
        self._last = self._millijoules()

    def advance(self) -> float:
        """Joules since the last call."""
        now = self._millijoules()
        taken, self._last = now - self._last, now
        return taken / 1000

    def _millijoules(self) -> int:
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError as error:
            raise OSError(f"the GPU does not say its energy: {error}") from None


def _nvml(device: "torch.device") -> NvmlCounter | None:
    """The counter of a CUDA device, found by its UUID: NVML numbers GPUs in another order."""
    import torch

    try:
        import pynvml  # pyright: ignore[reportMissingImports]  # package nvidia-ml-py
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(device).uuid
        return NvmlCounter(pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"))
    except (pynvml.NVMLError, OSError):
        return None
