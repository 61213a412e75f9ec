"""Choosing device, precision, backend and threads."""

from paralbench.errors import ParalbenchError


def choose_device(asked: str) -> str:
    """The device for ``auto``, else the one asked for.

    Raises:
        ParalbenchError: this machine, or this torch, does not have it.
    """
    import torch

    have = ["cpu"]
    if torch.cuda.is_available():
        have += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        have.append("mps")
    if asked == "auto":
        return "cuda" if "cuda" in have else "cpu"
    if asked not in have:
        raise ParalbenchError(
            f"device: {asked!r} is not here. This machine and torch {torch.__version__} have: "
            f"{', '.join(have)}."
        )
    return asked


def choose_precision(asked: str) -> str:
    """The precision for ``auto``: fp32, because reduced precision is another feature."""
    return "fp32" if asked == "auto" else asked


def choose_backend(asked: str, device: str, precision: str) -> str:
    """The backend asked for, if it can be had with a device and a precision.

    Raises:
        MissingExtraError: it is not installed.
        ParalbenchError: it computes elsewhere, or otherwise.
    """
    if asked == "openvino":
        from paralbench.upstreams.openvino_backend import require_openvino

        if device != "cpu" or precision != "fp32":
            raise ParalbenchError(
                f"backend: 'openvino' computes on the cpu in fp32, not on {device} in {precision}."
            )
        require_openvino()
    return asked
