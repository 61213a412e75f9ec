"""Which waveforms share a batch: a pure function of their lengths, a budget and the encoder.

Batches hold waveforms of similar length, longest first: padding is small, and what does not fit
into memory shows in the first batch rather than after hours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paralbench.errors import ParalbenchError
from paralbench.features.windows import windows
from paralbench.upstreams.base import SAMPLE_RATE, Batching, Encoder

# Samples of a batch, padding included. Hidden states and the first convolutions of a large model
# take about 20 MB for a second of audio in fp32. A CPU core gains nothing from larger batches:
# with a base-size model, 60 s in a batch took as long as 10 s, and 1 GB more.
BUDGETS = {"cpu": 15 * SAMPLE_RATE, "mps": 120 * SAMPLE_RATE, "cuda": 320 * SAMPLE_RATE}

# Attention takes memory by the square of the length. Waveforms longer than this weigh more against
# the budget, in proportion to their length.
SQUARE_FROM = 30 * SAMPLE_RATE


@dataclass(frozen=True, order=True)
class Piece:
    """A window of an utterance.

    Attributes:
        content: sha256 of the utterance's audio.
        index: which of its windows.
        start, end: in samples of the utterance.
    """

    content: str
    index: int
    start: int
    end: int

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.end - self.start


Batch = tuple[Piece, ...]


@dataclass(frozen=True)
class Limits:
    """What an encoder allows, as far as batches depend on it.

    Attributes:
        batching: which waveforms may share a batch.
        min_samples: the shortest waveform.
        window_samples: the longest.
        padded_samples: what every waveform is padded to by the encoder itself, as by Whisper's
            30 s window; 0 if it pads nothing.
    """

    batching: Batching
    min_samples: int
    window_samples: int
    padded_samples: int = 0


def limits_of(encoder: Encoder) -> Limits:
    """The limits of an encoder."""
    return Limits(
        encoder.batching,
        encoder.min_samples,
        encoder.window_samples,
        # Not of every encoder: what it pads a shorter waveform to by itself.
        getattr(encoder, "padded_samples", 0),
    )


def cost(waveforms: int, longest: int, padded_samples: int = 0) -> int:
    """Samples that a batch takes of the budget: padding counted, long waveforms weighing more."""
    longest = max(longest, padded_samples)
    return waveforms * longest * max(longest, SQUARE_FROM) // SQUARE_FROM


def plan_batches(lengths: Mapping[str, int], budget: int, limits: Limits) -> list[Batch]:
    """Put utterances, cut into windows where they are long, into batches.

    The plan depends on nothing but the arguments; the order of ``lengths`` does not matter.

    Args:
        lengths: samples of each utterance, by content key; those that are too short for the
            encoder are left out of the plan.
        budget: samples of a batch, padding included (see :func:`cost`). A single waveform is a
            batch even where it costs more.
        limits: of the encoder.

    Raises:
        ParalbenchError: the budget is not positive, or the encoder's limits contradict each other.
    """
    if budget < 1:
        raise ParalbenchError(f"token_budget: {budget} samples; give at least 1.")
    # Windows of an utterance follow each other, so that it is prepared only once.
    cut = {
        content: windows(samples, limits.window_samples, limits.min_samples)
        for content, samples in lengths.items()
    }
    longest = {content: max((b - a for a, b in ends), default=0) for content, ends in cut.items()}
    pieces = [
        Piece(content, index, start, end)
        for content in sorted(cut, key=lambda content: (-longest[content], content))
        for index, (start, end) in enumerate(cut[content])
    ]
    if limits.batching == "equal-length":
        pieces.sort(key=lambda piece: -piece.samples)  # stable
    return list(_fill(pieces, budget, limits))


def _fill(pieces: Sequence[Piece], budget: int, limits: Limits) -> Iterator[Batch]:
    batch: list[Piece] = []
    longest = 0
    for piece in pieces:
        fits = cost(len(batch) + 1, max(longest, piece.samples), limits.padded_samples) <= budget
        mixed = limits.batching == "equal-length" and piece.samples != longest
        if batch and (limits.batching == "single" or mixed or not fits):
            yield tuple(batch)
            batch, longest = [], 0
        batch.append(piece)
        longest = max(longest, piece.samples)
    if batch:
        yield tuple(batch)


def padding_share(batches: Sequence[Sequence[Piece]]) -> float:
    """The share of all samples in batches that is padding, from 0 to 1.

    >>> padding_share([(Piece("a", 0, 0, 4), Piece("b", 0, 0, 2))])
    0.25
    """
    valid = sum(piece.samples for batch in batches for piece in batch)
    padded = sum(len(batch) * max(piece.samples for piece in batch) for batch in batches)
    return 1 - valid / padded if padded else 0.0
