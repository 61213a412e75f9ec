"""MUStARD as its repository lays it out: labels, folds as Python 2 pickled them, and clips."""

import json
import struct
from pathlib import Path

import numpy as np
from tests.layouts.clips import write_clip

SPEAKERS = {
    "FRIENDS": ("CHANDLER", "PHOEBE", "PERSON"),
    "BBT": ("SHELDON", "PENNY", "PERSON"),
    "GOLDENGIRLS": ("DOROTHY", "ROSE"),
    "SARCASMOHOLICS": ("MODERATOR", "MEMBER-BOY"),
}
FOLDS = 5


def entries() -> dict[str, dict[str, object]]:
    """Two utterances of each speaker in each class."""
    found: dict[str, dict[str, object]] = {}
    for show, speakers in SPEAKERS.items():
        for speaker in speakers:
            for number in range(4):
                name = f"{1 + (show != 'BBT')}_{10 * len(found) + 60}"
                found[name] = {
                    "utterance": f"Is it \u2018number {number}\u2019, said {speaker.title()}?",
                    "speaker": speaker,
                    "context": ["What is it?"],
                    "context_speakers": ["PERSON"],
                    "show": show,
                    "sarcasm": number % 2 == 0,
                }
    return found


def folds(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test indices, every fifth utterance in a test part."""
    every = np.arange(n)
    return [(every[every % FOLDS != one], every[every % FOLDS == one]) for one in range(FOLDS)]


def build(root: Path) -> None:
    """Labels, folds, and a clip for each utterance and one for a context."""
    labels = entries()
    data = root / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "sarcasm_data.json").write_text(json.dumps(labels, indent=4))
    (data / "split_indices.p").write_bytes(pickled(folds(len(labels))))
    for name, one in labels.items():
        speaker, sarcasm = f"{one['show']}{one['speaker']}", str(one["sarcasm"])
        write_clip(data / "videos" / "utterances_final" / f"{name}.mp4", speaker, sarcasm)
    write_clip(data / "videos" / "context_final" / "1_60_c.mp4")


def pickled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """What Python 2 wrote for a list of pairs of arrays: bytes as text, numpy's old module."""
    body = b"".join(_array(one) + _array(other) + b"\x86" for one, other in pairs)
    return b"\x80\x02](" + body + b"e."


def _array(values: np.ndarray) -> bytes:
    raw = values.astype("<i8").tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + b"J"
        + struct.pack("<i", len(values))
        + b"\x85cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        + b"J\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tb"
    )
