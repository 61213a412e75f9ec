"""Every card that is shipped: it loads, it fits the others, its id is its file's name."""

import json

import pytest

from paralbench.cards import CorpusCard, UpstreamCard, load_catalogue
from paralbench.cards.catalogue import KINDS, card_files, kind_of, read_card, shipped_folder
from paralbench.cards.crosscheck import problems
from paralbench.cards.yaml_reading import read_yaml
from paralbench.corpora.readers import READERS, check_card
from paralbench.upstreams.registry import FAMILIES

FOLDER = shipped_folder()
FILES = [file for top in ("upstreams", "tasks") for file in card_files(FOLDER, top)]
NAMES = [str(file.relative_to(FOLDER)) for file, _ in FILES]


@pytest.mark.parametrize(("file", "kind"), FILES, ids=NAMES)
def test_a_card_loads_under_its_file_name(file, kind):
    card, *inline = read_card(file, kind)
    assert (card.id, kind_of(card), card.file) == (file.stem, kind, file)
    assert all(task.id.startswith(f"{card.id}-") for task in inline)
    if isinstance(card, CorpusCard):
        check_card(card)  # its reader's options
    if isinstance(card, CorpusCard | UpstreamCard) and card.homepage:
        assert card.homepage.startswith(("https://", "http://"))


@pytest.mark.parametrize(("file", "kind"), FILES, ids=NAMES)
def test_a_card_holds_what_its_file_says(file, kind):
    card, *_ = read_card(file, kind)
    content = json.loads(json.dumps(card.content()))
    _assert_holds(content, read_yaml(file), ())
    del content["id"]
    assert type(card).build(content, id=card.id, file=file) == card


# What it is; where it is from; its shape; its terms; its past; what is known of it here.
UPSTREAM_KEYS = (
    *("kind", "core", "name", "note", "family", "variant", "options", "weights"),
    *("layers", "dim", "frame_rate", "window", "parameters", "architecture"),
    *("licence", "licence_limits", "homepage", "citation", "pretraining", "contaminated_by"),
    *("verified_on_real_weights", "provenance"),
)


@pytest.mark.parametrize(("file", "kind"), FILES, ids=NAMES)
def test_upstream_cards_have_one_order_of_keys(file, kind):
    if kind == "upstream":
        assert sorted(UPSTREAM_KEYS) == sorted(UpstreamCard.model_fields)
        keys = list(read_yaml(file))
        assert keys == [name for name in UPSTREAM_KEYS if name in keys]


def _assert_holds(content, written, key):
    """Defaults may be added; nothing that is written may be lost, changed or converted."""
    if isinstance(written, dict):
        for name, value in written.items():
            _assert_holds(content[name], value, (*key, name))
    elif isinstance(written, list):
        assert len(content) == len(written), key
        for number, value in enumerate(written):
            _assert_holds(content[number], value, (*key, number))
    else:
        assert content == written, key
        assert isinstance(content, bool) == isinstance(written, bool), key


def test_there_are_cards_of_every_kind():
    catalogue = load_catalogue()
    assert [kind for kind in KINDS if not len(catalogue.shelf(kind))] == []


def test_cards_fit_one_another():
    found = problems(load_catalogue(), families=FAMILIES.names(), readers=READERS.names())
    assert not found, "\n".join(found)
