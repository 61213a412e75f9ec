"""What holds for every card: an id, no change after reading, plain data in and out."""

import json

import pytest
from pydantic import ValidationError

from paralbench.cards import CorpusCard, TaskCard, UpstreamCard
from paralbench.cards.catalogue import KINDS
from paralbench.errors import CardError


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_cannot_be_changed(smallest, kind):
    card = KINDS[kind].build(smallest[kind], id="some-id")
    for field in (*KINDS[kind].model_fields, "id", "file", "invented"):
        with pytest.raises((ValidationError, AttributeError, ValueError)):
            setattr(card, field, "changed")
    assert card.content() == KINDS[kind].build(smallest[kind], id="some-id").content()


def test_the_parts_of_a_card_cannot_be_changed(smallest):
    card = TaskCard.build(smallest["task"], id="anger")
    with pytest.raises(ValidationError, match="frozen"):
        card.split.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("kind", KINDS)
def test_content_is_plain_data_that_gives_the_same_card(smallest, kind):
    card = KINDS[kind].build(smallest[kind], id="some-id")
    content = json.loads(json.dumps(card.content()))
    assert content.pop("id") == "some-id"
    assert KINDS[kind].build(content, id="some-id") == card


@pytest.mark.parametrize("id", ["", "My card", "Größe", "-x", "a/b", "..", "a\n", "a_b", "A"])
def test_an_id_that_no_command_or_file_could_hold_is_refused(smallest, id):
    with pytest.raises(CardError, match=r"the id .* is not allowed. Allowed: lower-case letters"):
        UpstreamCard.build(smallest["upstream"], id=id)


@pytest.mark.parametrize("id", ["w2v-bert-2.0", "4", "lebenchmark-fr-7k-large", "c++"])
def test_ids_of_models_are_allowed(smallest, id):
    assert UpstreamCard.build(smallest["upstream"], id=id).id == id


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), float("inf")])
def test_what_is_no_plain_data_is_refused(smallest, value):
    with pytest.raises(CardError, match="x: "):
        UpstreamCard.build(smallest["upstream"] | {"window": value}, id="x")


def test_paths_in_a_card_start_from_its_folder(smallest, tmp_path):
    file = tmp_path / "cards" / "mine.yaml"
    card = CorpusCard.build(smallest["corpus"], id="mine", file=file)
    assert card.folder == file.parent
