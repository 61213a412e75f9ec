"""The traps of YAML, each of them proven shut."""

import math

import pytest

from paralbench.cards.yaml_reading import read_yaml
from paralbench.errors import CardError


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | bytes):
        file = tmp_path / "card.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_yaml(file)

    return read_text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # What PyYAML, which reads YAML 1.1, makes of it stands behind.
        ("1e-4", 1e-4),  # "1e-4"
        ("1E5", 1e5),  # "1E5"
        ("-2.5e+3", -2500.0),
        ("010", "010"),  # 8
        ("007", "007"),  # 7
        ("0", 0),
        ("-0", 0),
        ("+3", 3),
        ("0x1F", "0x1F"),  # 31
        ("0b11", "0b11"),  # 3
        ("1_000", "1_000"),  # 1000
        ("12:30", "12:30"),  # 750
        ("2026-11-01", "2026-11-01"),  # a date
        ("no", "no"),  # False
        ("No", "No"),
        ("yes", "yes"),  # True
        ("on", "on"),  # True
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("''", ""),
        ("'010'", "010"),
        ("'true'", "true"),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5.2", "1.5.2"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("=", "="),
    ],
)
def test_a_value_means_what_people_mean(read, written, meant):
    value = read(f"key: {written}\n")["key"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize("written", [".nan", ".NaN", ".inf", "-.inf", "1e999", "-1e999"])
def test_numbers_are_finite(read, written):
    with pytest.raises(CardError, match=r"line 2: .* is no finite number"):
        read(f"name: x\nhigh: {written}\n")


def test_small_numbers_may_vanish_but_stay_finite(read):
    assert math.isfinite(read("low: 1e-400")["low"])


def test_keys_are_text(read):
    data = read("1: a\n1.50: b\ntrue: c\nno: d\n010: e\n~: f\n")
    assert data == {"1": "a", "1.50": "b", "true": "c", "no": "d", "010": "e", "~": "f"}


def test_text_of_any_language_and_line_ends_of_any_system(read):
    text = "\ufeffname: Mały korpus, 感情\r\nnote: >-\r\n  two\r\n  lines\r\n"
    assert read(text) == {"name": "Mały korpus, 感情", "note": "two lines"}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("name: a\nname: b\n", 2, "'name' stands here twice"),
        ("a:\n  b: 1\n  b: 2\n", 3, "'b' stands here twice"),
        ("a: {b: 1, b: 2}\n", 1, "'b' stands here twice"),
        ("labels:\n\tage: 1\n", 2, "cannot start any token"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("? [a, b]\n: c\n", 1, "a key is one word or text"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: [1, 2\n", 2, "expected ',' or ']'"),
        ("a: 'no end\n", 2, "unexpected end of stream"),
        ("a: *nothing\n", 1, "undefined alias"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "could not determine a constructor"),
        ("a: !function probes.train\n", 1, "could not determine a constructor"),
        ("a: !!timestamp 2026-11-01\n", 1, "could not determine a constructor"),
        ("a: !!set {b}\n", 1, "could not determine a constructor"),
        ("a: !!map [b]\n", 1, "this is no mapping"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_file_and_line(read, tmp_path, text, line, problem):
    with pytest.raises(CardError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{tmp_path / 'card.yaml'}, line {line}: not valid YAML: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a: !!int text\n", "a: !!float text\n", "a: !!bool text\n", "a: b\x00\n", "a: b\x07\n"]
)
def test_other_unreadable_text_is_refused_with_the_file(read, text):
    with pytest.raises(CardError, match=r"card\.yaml"):
        read(text)


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x\n", "a: &x {b: *x}\n", "a: &x [*x]\n"])
def test_aliases_are_refused(read, text):
    with pytest.raises(CardError, match=r"aliases .* are not allowed"):
        read(text)


def test_an_alias_that_doubles_itself_is_refused_at_once(read):
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(CardError, match="aliases"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "given"),
    [("", "empty"), ("# a remark\n", "empty"), ("- a\n- b\n", r"\['a', 'b'\]"), ("word", "'word'")],
)
def test_a_card_is_a_mapping(read, text, given):
    with pytest.raises(CardError, match=rf"card\.yaml: a card is a mapping .* this is {given}\."):
        read(text)


def test_other_encodings_are_refused(read):
    with pytest.raises(CardError, match=r"card\.yaml: cannot be read as UTF-8 text"):
        read("name: Mały korpus\n".encode("iso-8859-2"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CardError, match=r"absent\.yaml: cannot be read"):
        read_yaml(tmp_path / "absent.yaml")
