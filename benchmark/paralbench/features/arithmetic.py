"""What of torch's global settings changes the numbers, held fixed while features are extracted."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from paralbench.features.onednn import bound_cache, fast_linear
from paralbench.features.precision import get_precision


@contextmanager
def arithmetic(threads: int, precision: str = "fp32") -> Iterator[None]:
    """Compute in the precision asked for, with a fixed number of threads; restore at the end.

    Left alone, torch may run "float32" products with 10 or 8 bits of mantissa: convolutions on
    NVIDIA GPUs in TF32 by default, matrix products in whatever
    ``torch.set_float32_matmul_precision`` was given. That breaks the independence of features
    from their batch (1e-3 instead of 1e-5), so it is done only in the precision that says so.

    Args:
        threads: of torch's operators on the CPU; sums depend on it in the last bit.
        precision: one of :data:`~paralbench.features.precision.PRECISIONS`.

    Raises:
        ParalbenchError: the precision is unknown.
    """
    import torch

    reduce = get_precision(precision).reduced_products
    cudnn = torch.backends.cudnn
    before = torch.get_num_threads(), cudnn.deterministic, cudnn.benchmark
    settings = _settings()
    bound_cache()
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark = True, False
    _set([(owner, name, fewer if reduce else exact) for owner, name, _, exact, fewer in settings])
    try:
        with torch.inference_mode(), fast_linear():
            yield
    finally:
        torch.set_num_threads(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]
        _set([(owner, name, value) for owner, name, value, _, _ in settings])


def _settings() -> list[tuple[Any, str, Any, Any, Any]]:
    """Settings as ``(owner, attribute, value now, exact, reduced)``, in the order to set them.

    Newer releases of torch have a setting per operation beside the two older ones; setting an
    older one sets the newer ones too, and reading it fails where a user has set only the newer.
    """
    import torch

    settings: list[tuple[Any, str, Any, Any, Any]] = []
    with suppress(RuntimeError):
        now = torch.get_float32_matmul_precision()
        settings.append((torch, "matmul", now, "highest", "medium"))
    with suppress(RuntimeError):
        cudnn = torch.backends.cudnn
        settings.append((cudnn, "allow_tf32", cudnn.allow_tf32, False, True))
    for path, reduced in (
        ("cuda.matmul", "tf32"),
        ("cudnn.conv", "tf32"),
        ("cudnn.rnn", "tf32"),
        ("mkldnn.matmul", "bf16"),
        ("mkldnn.conv", "bf16"),
    ):
        owner: Any = torch.backends
        for part in path.split("."):
            owner = getattr(owner, part, None)
        if hasattr(owner, "fp32_precision"):
            settings.append((owner, "fp32_precision", owner.fp32_precision, "ieee", reduced))
    return settings


def _set(settings: list[tuple[Any, str, Any]]) -> None:
    import torch

    for owner, name, value in settings:
        if owner is torch:
            torch.set_float32_matmul_precision(value)
        else:
            setattr(owner, name, value)
