"""Whatever a card file holds: it is a card, or an error that names the file and the key."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paralbench.cards.catalogue import KINDS, read_card
from paralbench.errors import CardError

WORDS = st.sampled_from(["", "none", "hub", "source", "str", "int", "kind", "corpus", "[key]", "x"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested data at which something can be put."""
    if isinstance(value, dict):
        inner = [p for key, one in value.items() for p in _places(one, (*place, key))]
        return [place, (*place, "new"), *inner]
    if isinstance(value, list):
        return [place, *(p for n, one in enumerate(value) for p in _places(one, (*place, n)))]
    return [place]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_card_with_anything_anywhere(kind, data, smallest, tmp_path):
    card: Any = {"": deepcopy(smallest[kind])}
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(_places(card[""])))
        holder, *rest = card, "", *place
        for step in rest[:-1]:
            holder = holder[step]
        holder[rest[-1]] = data.draw(VALUES)
    _read_or_refuse(tmp_path / "card.yaml", yaml.safe_dump(card[""]), kind)


@given(text=st.text(alphabet="ab01:-[]{}&*!#'\"|>,.\n\t %@~e", max_size=60))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text(text, tmp_path):
    _read_or_refuse(tmp_path / "card.yaml", text, "task")


@given(content=st.binary(max_size=40))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(content, tmp_path):
    _read_or_refuse(tmp_path / "card.yaml", content, "task")


def _read_or_refuse(file: Path, content: str | bytes, kind: str) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        card, *_ = read_card(file, kind)
    except CardError as error:
        for line in str(error).splitlines():
            assert line.startswith(str(file)), line
            assert not line.startswith(f"{file}: : "), line
            assert "Value error" not in line
            assert "Input should" not in line
    else:
        assert card.id == "card"
