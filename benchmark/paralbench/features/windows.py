"""Long utterances in windows: near-equal pieces whose frames together are the utterance's."""

from itertools import pairwise

from paralbench.errors import ParalbenchError


def windows(samples: int, window_samples: int, min_samples: int) -> list[tuple[int, int]]:
    """Cut an utterance into the fewest windows of at most ``window_samples``.

    The windows touch and do not overlap; their lengths differ by at most one sample, so that no
    short rest is encoded without context. What is prepared (normalised) is the whole utterance,
    before it is cut.

    Args:
        samples: the utterance's length.
        window_samples: the longest window.
        min_samples: the shortest waveform that the encoder takes.

    Returns:
        ``(start, end)`` of each window, in samples, the longer ones first; none if the utterance
        is shorter than ``min_samples``.

    Raises:
        ParalbenchError: the windows that are needed would be shorter than ``min_samples``.

    >>> windows(10, 4, 2)
    [(0, 4), (4, 7), (7, 10)]
    """
    if window_samples < 1:
        raise ParalbenchError(f"a window of {window_samples} samples; give at least 1.")
    if samples < max(min_samples, 1):
        return []
    count = -(-samples // window_samples)
    if samples // count < min_samples:
        raise ParalbenchError(
            f"{samples} samples in windows of at most {window_samples} give windows shorter than "
            f"the encoder's shortest waveform of {min_samples} samples; the window must be at "
            f"least {2 * min_samples} samples."
        )
    length, longer = divmod(samples, count)
    edges = [index * length + min(index, longer) for index in range(count + 1)]
    return list(pairwise(edges))
