"""CMU-MOSEI: segments of videos in ``Audio/Full/WAV_16000``, with the intensity of a sentiment.

The labels are either the owners' ``CMU_MOSEI_Labels.csd`` (HDF5: for each video the segments' times
and ``[sentiment, happy, sad, anger, surprise, disgust, fear]``), with the standard folds from the
owners' ``cmu_mosei_std_folds.py``, which is parsed and never run; or s3prl's
``CMU_MOSEI_Labels.csv``, which has classes and folds but no intensities. Where both are there, the
``.csd`` gives the labels and either of the two files the folds.
"""

import ast
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.noted import read_noted
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_table, read_text
from paralbench.errors import CorpusError, MissingExtraError

AUDIO = "Audio/Full/WAV_16000"
CSD, CSV, FOLDS = "CMU_MOSEI_Labels.csd", "CMU_MOSEI_Labels.csv", "cmu_mosei_std_folds.py"
_FOLDERS = (".", "Labels", "labels")

_EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
_PARTS = {
    "standard_train_fold": "train",
    "standard_valid_fold": "development",
    "standard_test_fold": "test",
}
_S3PRL_PARTS = {"0": "train", "1": "development", "2": "test", "3": ""}
_S3PRL_COLUMNS = ("file", "index", "start", "end", "label2b", "label7", "split")
_SIGN = {"-1": "negative", "0": "neutral", "1": "positive"}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the labels and the folds.

    ``session`` is the video. A segment's number is its place in the owners' file, not in time; a
    start before the video's is set to 0. Videos of no fold have no ``split``.

    Raises:
        CorpusError: the folder is another one, there are no folds, or a file is damaged.
        MissingExtraError: the labels are a ``.csd`` file and h5py is not installed.
    """
    no_options(card)
    require(card.id, root, _fits, f"{AUDIO}/ and {CSD} or {CSV} are")
    csd, csv = _first(root, CSD), _first(root, CSV)
    if csd is not None and (csv is None or _h5py() is not None):
        table = _of_csd(card, csd, _folds(card, root, csv))
    else:
        assert csv is not None  # _fits
        table = _of_csv(card, csv)
    table["path"] = f"{AUDIO}/" + table["session"] + ".wav"
    return manifest_of_table(card, root, table, look=look, folder=AUDIO)


def _fits(folder: Path) -> bool:
    labels = _first(folder, CSD) or _first(folder, CSV)
    return labels is not None and (folder / "Audio").is_dir()


def _first(root: Path, name: str) -> Path | None:
    return next((root / one / name for one in _FOLDERS if (root / one / name).is_file()), None)


def seven(score: float) -> str:
    """The class of an intensity, -3 to 3, by the rule of the owners' SDK.

    Bounds go outwards, unlike with rounding: -1 is of class -1, -1.1 of class -2, and 1.1 of 2.
    """
    if score < 0:
        return "-3" if score < -2 else "-2" if score < -1 else "-1"
    return "0" if score == 0 else "1" if score <= 1 else "2" if score <= 2 else "3"


def _classes(score: float) -> dict[str, str]:
    if math.isnan(score):
        return dict.fromkeys(("sentiment", "sentiment-2", "sentiment-7"), "")
    return {
        "sentiment": "negative" if score < 0 else "positive" if score > 0 else "neutral",
        "sentiment-2": "negative" if score < 0 else "not negative",
        "sentiment-7": seven(score),
    }


def _strongest(intensities: Any) -> str:
    """The one emotion that is felt most; none where no emotion is felt, or several as much."""
    values = [float(one) for one in intensities]
    best = max(values)
    return _EMOTIONS[values.index(best)] if best > 0 and values.count(best) == 1 else ""


def _of_csd(card: CorpusCard, file: Path, folds: dict[str, str]) -> pd.DataFrame:
    h5py = _h5py()
    if h5py is None:
        raise MissingExtraError(f"reading {file.name}", "mosei")
    rows = []
    try:
        with h5py.File(io.BytesIO(read_noted(file)), "r") as labels:
            for video, times, features in _videos(card, file, labels):
                for index, (time, one) in enumerate(zip(times, features, strict=True)):
                    rows.append(
                        {
                            "utterance": f"{video}_{index}",
                            "session": video,
                            "start": max(0.0, float(time[0])),
                            "end": float(time[1]),
                            "split": folds.get(video, ""),
                            "score": float(one[0]),
                            **_classes(float(one[0])),
                            "emotion": _strongest(one[1:]),
                            WHERE: f"{file.name}, {video}, segment {index}",
                        }
                    )
    except (OSError, RuntimeError) as error:
        raise CorpusError(f"{card.id}: {file} cannot be read as HDF5: {error}.") from None
    if not rows:
        raise CorpusError(f"{card.id}: {file} has no segments.")
    return pd.DataFrame(rows)


def _videos(card: CorpusCard, file: Path, labels: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each video with its times ``(n, 2)`` in seconds and labels ``(n, 7)``."""
    # The group above `data` is named as the table, "All Labels" in the owners' file.
    groups = [labels[name] for name in labels if "data" in labels[name]]
    if len(groups) != 1:
        raise CorpusError(
            f"{card.id}: {file} is no table of labels: one group with `data` is expected, there "
            f"are {', '.join(labels) or 'none'}."
        )
    for video, group in groups[0]["data"].items():
        absent = [name for name in ("intervals", "features") if name not in group]
        if absent:
            raise CorpusError(f"{card.id}: {file}: {video} has no {absent[0]!r}.")
        times, features = group["intervals"][()], group["features"][()]
        n = len(times)
        if times.shape != (n, 2) or features.shape != (n, 1 + len(_EMOTIONS)):
            raise CorpusError(
                f"{card.id}: {file}: {video}: intervals {times.shape} and features "
                f"{features.shape}; (n, 2) and (n, 7) are expected."
            )
        yield video, times, features


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        return None
    return h5py


def _of_csv(card: CorpusCard, file: Path) -> pd.DataFrame:
    table = read_table(card.id, file, _S3PRL_COLUMNS)
    table["utterance"] = table["file"] + "_" + table["index"]
    table["start"] = table["start"].str.replace(r"^-[0-9.]+$", "0", regex=True)
    table["split"] = table["split"].replace(_S3PRL_PARTS)
    table["sentiment"] = table["label2b"].replace(_SIGN)
    not_negative = {"neutral": "not negative", "positive": "not negative"}
    table["sentiment-2"] = table["sentiment"].replace(not_negative)
    names = {"file": "session", "label7": "sentiment-7"}
    return table.drop(columns=["index", "label2b"]).rename(columns=names)


def _folds(card: CorpusCard, root: Path, csv: Path | None) -> dict[str, str]:
    """The part of each video."""
    file = _first(root, FOLDS)
    if file is not None:
        return _parse_folds(card, file)
    if csv is not None:
        table = read_table(card.id, csv, ("file", "split"))
        return dict(zip(table["file"], table["split"].replace(_S3PRL_PARTS), strict=True))
    raise CorpusError(
        f"{card.id}: {root} does not say which video is for training: put the owners' {FOLDS} "
        f"(CMU-MultimodalSDK) or s3prl's {CSV} beside {CSD}."
    )


def _parse_folds(card: CorpusCard, file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        body = ast.parse(read_text(card.id, file)).body
        for line in body:
            target = line.targets[0] if isinstance(line, ast.Assign) else None
            if isinstance(line, ast.Assign) and isinstance(target, ast.Name):
                part = _PARTS.get(target.id)
                if part is not None:
                    found |= dict.fromkeys(map(str, ast.literal_eval(line.value)), part)
    except (SyntaxError, ValueError, TypeError) as error:
        raise CorpusError(f"{card.id}: {file} is no list of folds: {error}.") from None
    if set(found.values()) != set(_PARTS.values()):
        raise CorpusError(f"{card.id}: {file} does not give {', '.join(_PARTS)}.")
    return found
