"""What of torch's global settings changes the numbers, held fixed while features are extracted."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def exact_arithmetic(threads: int) -> Iterator[None]:
    """Compute in the precision asked for, with a fixed number of threads; restore at the end.

    Left alone, torch may run "float32" products with 10 or 8 bits of mantissa: convolutions on
    NVIDIA GPUs in TF32 by default, matrix products in whatever
    ``torch.set_float32_matmul_precision`` was given. That breaks the independence of features
    from their batch (1e-3 instead of 1e-5).

    Args:
        threads: of torch's operators on the CPU; sums depend on it in the last bit.
    """
    import torch

    cudnn = torch.backends.cudnn
    before = torch.get_num_threads(), cudnn.deterministic, cudnn.benchmark
    reduced = _reduced_precision()
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark = True, False
    _set([(owner, name, exact) for owner, name, _, exact in reduced])
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]
        _set([(owner, name, value) for owner, name, value, _ in reduced])


def _reduced_precision() -> list[tuple[Any, str, Any, Any]]:
    """Settings as ``(owner, attribute, value now, exact value)``, in the order to set them.

    Newer releases of torch have a setting per operation beside the two older ones; setting an
    older one sets the newer ones too, and reading it fails where a user has set only the newer.
    """
    import torch

    settings: list[tuple[Any, str, Any, Any]] = []
    with suppress(RuntimeError):
        settings.append((torch, "matmul", torch.get_float32_matmul_precision(), "highest"))
    with suppress(RuntimeError):
        cudnn = torch.backends.cudnn
        settings.append((cudnn, "allow_tf32", cudnn.allow_tf32, False))
    for path in ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv"):
        owner: Any = torch.backends
        for part in path.split("."):
            owner = getattr(owner, part, None)
        if hasattr(owner, "fp32_precision"):
            settings.append((owner, "fp32_precision", owner.fp32_precision, "ieee"))
    return settings


def _set(settings: list[tuple[Any, str, Any]]) -> None:
    import torch

    for owner, name, value in settings:
        if owner is torch:
            torch.set_float32_matmul_precision(value)
        else:
            setattr(owner, name, value)
