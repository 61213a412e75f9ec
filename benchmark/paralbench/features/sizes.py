"""What second moments and frames take on the disk. Importing it imports no torch and no numpy."""

from math import ceil


def moments_bytes(utterances: int, layers: int, dim: int) -> int:
    """Bytes that the second moments of so many utterances take, in float32.

    >>> moments_bytes(1, 25, 1024)
    1331200
    """
    return utterances * (layers * (layers + 1) // 2) * dim * 4


def moments_cost(layers: int = 25, dim: int = 1024) -> str:
    """One line about what a probe on second moments costs, for listings.

    >>> moments_cost()
    'covariances between layers are stored: 1.3 MB per utterance (25 layers of 1024)'
    """
    size = size_text(moments_bytes(1, layers, dim))
    return f"covariances between layers are stored: {size} per utterance ({layers} layers of {dim})"


def frames_bytes(seconds: float, frame_rate: float, dim: int, itemsize: int = 2) -> int:
    """Bytes that the frames of one layer take.

    Args:
        seconds: of audio.
        frame_rate: frames per second.
        dim: features per frame.
        itemsize: bytes of a number: 2 for float16, 4 for float32.

    >>> frames_bytes(3600, 50, 768)
    276480000
    """
    return ceil(seconds * frame_rate) * dim * itemsize


def frames_cost(dim: int = 768, frame_rate: float = 50) -> str:
    """One line about what a probe on frames costs, for listings.

    >>> frames_cost(1024)
    'frames of one layer are stored: 368.6 MB per hour of audio (1024 dimensions, 50 frames/s)'
    """
    size = size_text(frames_bytes(3600, frame_rate, dim))
    return (
        f"frames of one layer are stored: {size} per hour of audio ({dim} dimensions, "
        f"{frame_rate:g} frames/s)"
    )


def size_text(size: int) -> str:
    """Bytes for people, in powers of 1000.

    >>> size_text(1_234_567_890)
    '1.2 GB'
    """
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1000:.1f} kB"
