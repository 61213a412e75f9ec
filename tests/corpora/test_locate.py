"""Where a corpus is looked for, in which order."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.corpora.locate import locate
from paralbench.errors import CorpusError, CorpusNotFoundError

Card = Callable[..., CorpusCard]


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_order(make_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PARALBENCH_CORPORA", str(tmp_path / "all"))
    card = make_card(root=str(tmp_path / "of the card"))
    with pytest.raises(CorpusNotFoundError) as error:
        locate(card)
    assert str(tmp_path / "of the card") in str(error.value)
    assert str(tmp_path / "all" / "mine") in str(error.value)
    in_all = folder(tmp_path / "all" / "mine")
    assert locate(card) == in_all
    of_card = folder(tmp_path / "of the card")
    assert locate(card) == of_card
    named = folder(tmp_path / "named")
    assert locate(card, {"mine": named, "other": tmp_path}) == named


def test_the_usual_names_in_several_folders(make_card: Card, tmp_path: Path, monkeypatch):
    card = make_card(folders=["MINE_full_release"])
    places = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("PARALBENCH_CORPORA", os.pathsep.join(map(str, places)))
    with pytest.raises(CorpusNotFoundError) as error:
        locate(card)
    for place in places:
        for name in ("mine", "MINE_full_release"):
            assert str(place / name) in str(error.value)
    usual = folder(tmp_path / "two" / "MINE_full_release")
    assert locate(card) == usual
    by_id = folder(tmp_path / "two" / "mine")
    assert locate(card) == by_id


def test_the_users_settings(make_card: Card, tmp_path: Path, monkeypatch):
    file = tmp_path / "settings" / "config.yaml"
    folder(file.parent)
    monkeypatch.setenv("PARALBENCH_CONFIG", str(file))
    file.write_text("corpora: {mine: ../here}\n")
    with pytest.raises(CorpusNotFoundError, match=r"here is no folder \(.*config\.yaml\)"):
        locate(make_card())
    folder(tmp_path / "here")
    assert locate(make_card()).resolve() == tmp_path / "here"
    named = folder(tmp_path / "named")
    assert locate(make_card(), {"mine": named}) == named
    for text, message in (
        ("corpra: {}", "corpra: unknown key. Allowed: corpora"),
        ("corpora: [a]", "a mapping of corpus ids to folders"),
    ):
        file.write_text(text)
        with pytest.raises(CorpusError, match=message):
            locate(make_card())


def test_a_named_folder_that_does_not_exist_is_no_reason_to_look_elsewhere(
    make_card: Card, tmp_path: Path
):
    folder(tmp_path / "of the card")
    card = make_card(root=str(tmp_path / "of the card"))
    with pytest.raises(CorpusNotFoundError, match="typo is no folder"):
        locate(card, {"mine": tmp_path / "typo"})


def test_a_relative_root_begins_at_the_card(make_card: Card, tmp_path: Path):
    card = make_card(root="../clips")
    object.__setattr__(card, "_file", tmp_path / "cards" / "mine.yaml")
    folder(tmp_path / "cards")
    wanted = folder(tmp_path / "clips")
    assert locate(card).resolve() == wanted


def test_how_to_get_it(make_card: Card):
    manual = {"source": "manual", "steps": ["Ask the owners."]}
    with pytest.raises(CorpusNotFoundError) as error:
        locate(make_card(sources=[manual]))
    assert "(1) Ask the owners." in str(error.value)
    assert "corpora fetch" not in str(error.value)
    assert "--root mine=DIR" in str(error.value)
