"""A user's own corpus takes one card of at most 20 lines and no code."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.cards.catalogue import load_catalogue
from paralbench.corpora.load import load_manifest
from paralbench.corpora.locate import locate

CARDS = Path(__file__).parents[1] / "assets"


@pytest.mark.parametrize("file", sorted(CARDS.glob("*.yaml")), ids=lambda file: file.stem)
def test_card_has_at_most_20_lines(file: Path):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 20


def own(tmp_path: Path, id: str) -> tuple[CorpusCard, Path]:
    """The card among all others, found from a folder of the user's own cards."""
    (tmp_path / "cards").mkdir()
    shutil.copy(CARDS / f"{id}.yaml", tmp_path / "cards")
    card = load_catalogue([tmp_path / "cards"]).corpora.get(id)
    return card, tmp_path / "cards"


def test_labels_in_file_names(lay: Callable[..., Path], tmp_path: Path):
    card, folder = own(tmp_path, "my-names")
    lay(folder / "clips" / "day1", "ann_f_A_01", "ann_f_N_02", "bob_m_H_01", "cut_01")
    assert locate(card) == folder / "clips"
    manifest = load_manifest(card, locate(card))
    assert manifest.frame[["utterance", "speaker", "gender", "emotion", "language"]].to_dict(
        "split", index=False
    )["data"] == [
        ["day1/ann_f_A_01", "ann", "female", "anger", "de"],
        ["day1/ann_f_N_02", "ann", "female", "neutral", "de"],
        ["day1/bob_m_H_01", "bob", "male", "happiness", "de"],
    ]
    assert [(one.utterance, one.reason) for one in manifest.excluded] == [("day1/cut_01", "extra")]
    tasks = load_catalogue([folder]).tasks
    assert tasks.get("my-names-emotion").classes == ("anger", "happiness", "neutral")
    assert tasks.get("my-names-gender").split.protocol == "speaker-k-fold"


def test_labels_in_a_table(lay: Callable[..., Path], tmp_path: Path):
    card, folder = own(tmp_path, "my-table")
    lay(folder / "data" / "wav", "a1", "a2", "b1", "spare")
    (folder / "data" / "labels.csv").write_text(
        "clip,who,feeling,arousal,remark\n"
        "a1,ann,ang,6.5,\n"
        'a2,ann,neu,3,"loud, and late"\n'
        "b1,bob,bored,2,\n"
        "b2,bob,neu,4,\n"
    )
    manifest = load_manifest(card, locate(card), partial=True)
    assert manifest.frame[["utterance", "path", "speaker", "emotion", "arousal"]].to_dict(
        "split", index=False
    )["data"] == [
        ["wav/a1", "wav/a1.wav", "ann", "anger", 6.5],
        ["wav/a2", "wav/a2.wav", "ann", "neutral", 3.0],
    ]
    assert {one.utterance: one.reason for one in manifest.excluded} == {
        "wav/b1": "label-unknown",
        "wav/b2": "missing",
        "wav/spare": "extra",
    }
    assert load_catalogue([folder]).tasks.get("my-table-arousal").target == "regression"
