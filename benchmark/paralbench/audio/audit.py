"""The words for what is wrong with audio: reasons exclude an utterance, flags are recorded."""

from typing import Literal, get_args

from paralbench.errors import AudioError

Reason = Literal[
    "missing",  # no such file
    "unreadable",  # no decoder takes it, or it is damaged or truncated
    "empty",  # no samples: a file of zero length, or a segment outside the file
    "not-finite",  # holds NaN or infinity
    "silent",  # peak below SILENCE_PEAK, apart from a constant offset
    "too-short",  # gives no frame in an upstream
    "too-long",  # above LONGEST_SECONDS
    "duplicate-row",
    "label-unknown",
    "label-missing",
]
Flag = Literal[
    "clipped",  # CLIPPED_RUN consecutive samples at full scale in a channel
    "stereo",  # more than one channel; their mean is used
    "resampled",  # not 16 kHz
    "8-bit",  # linear 8-bit samples; companded ones (mu-law, A-law) span 13 to 14 bits
    "duplicate-content",  # another utterance has the same samples
    "segment-clamped",  # the segment began before the file or ended after it
]
REASONS: tuple[Reason, ...] = get_args(Reason)
FLAGS: tuple[Flag, ...] = get_args(Flag)

# -80 dBFS is 3.3 steps of 16-bit audio. What 16-bit digital silence with dither shows, one or two
# steps (-84.3 dBFS; the silence prompts of Asterisk are such files), stays below it; speech is
# recorded some 60 dB above it.
SILENCE_PEAK = 1e-4

# Audacity's "Find Clipping" starts a run at three samples, too; one or two at full scale are what
# peak normalisation leaves.
CLIPPED_RUN = 3

# Four hours are longer than any single recording that a label was given to as a whole, and their
# 16 kHz samples fit in a gigabyte. Segments of longer files are fine.
LONGEST_SECONDS = 4 * 3600.0


class UnusableAudioError(AudioError):
    """Audio that is left out, with the reason in the audit's words.

    Attributes:
        reason: a word of :data:`REASONS`.
        detail: what was found, for a person.
        original_rate: samples per second of the file, None if it could not be opened.
        channels: of the file, None if it could not be opened.
        decoder: what opened the file, empty if nothing did.
    """

    def __init__(self, path: object, reason: Reason, detail: str):
        super().__init__(f"{path}: {reason}: {detail}.")
        self.reason: Reason = reason
        self.detail = detail
        self.original_rate: int | None = None
        self.channels: int | None = None
        self.decoder = ""
