"""Decoded samples as they are kept and named.

The same samples have one form and one name, whatever file they came from: int16 where every sample
is an exact multiple of 1/32768 (a 16-bit source that was neither mixed nor resampled), else
float32.
"""

import hashlib

import numpy as np

from paralbench.errors import AudioError

_SCALE = 32768.0
# Resampled audio shows itself in its first samples.
_GLANCE = 4096


def canonical(samples: np.ndarray) -> np.ndarray:
    """The form in which samples are kept.

    Args:
        samples: ``(n,)`` float32.

    Returns:
        ``(n,)`` int16 if that loses nothing, else float32 without negative zeros.
    """
    if _is_exact(samples[:_GLANCE]) and _is_exact(samples):
        return (samples * np.float32(_SCALE)).astype("<i2")
    return samples + np.float32(0.0)  # -0.0 becomes 0.0


def content_hash(pcm: np.ndarray) -> str:
    """The name of samples: sha256 over the dtype's name and the little-endian bytes.

    Args:
        pcm: of :func:`canonical`.
    """
    digest = hashlib.sha256(pcm.dtype.name.encode())
    digest.update(np.ascontiguousarray(pcm, pcm.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def to_float(pcm: np.ndarray) -> np.ndarray:
    """Kept samples as a new float32 array ``(n,)``.

    Raises:
        AudioError: the dtype is not one of :func:`canonical`.
    """
    if pcm.dtype == np.int16:
        return pcm * np.float32(1 / _SCALE)
    if pcm.dtype == np.float32:
        return pcm.copy()
    raise AudioError(f"decoded audio is int16 or float32, not {pcm.dtype}.")


def _is_exact(samples: np.ndarray) -> bool:
    scaled = samples * np.float32(_SCALE)
    if len(scaled) and not (scaled.min() >= -_SCALE and scaled.max() <= _SCALE - 1):
        return False
    return bool(np.array_equal(scaled, np.rint(scaled)))
