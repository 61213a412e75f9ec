"""Utterances with the same samples, under whatever names."""

import pandas as pd


def duplicate_groups(frame: pd.DataFrame) -> list[list[str]]:
    """Groups of utterances with equal content.

    Args:
        frame: of :meth:`~paralbench.audio.cache.AudioCache.prepare`: ``utterance, content``.

    Returns:
        The utterances of each group, in the frame's order; groups in the order of their first.
    """
    again = frame.loc[_is_duplicated(frame), ["utterance", "content"]]
    groups = again.groupby("content", sort=False)["utterance"]
    return [utterances.tolist() for _, utterances in groups]


def flag_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``duplicate-content`` among the flags of such utterances."""
    again = _is_duplicated(frame)
    flagged = frame.copy()
    flagged.loc[again, "flags"] = [
        ",".join(filter(None, (flags, "duplicate-content"))) for flags in frame.loc[again, "flags"]
    ]
    return flagged


def _is_duplicated(frame: pd.DataFrame) -> pd.Series:
    contents = pd.Series(frame["content"])
    return contents.notna() & contents.duplicated(keep=False)
