"""Errors say what to do, and cross the borders of processes."""

import pickle

import pytest

from paralbench import errors
from paralbench.audio.audit import UnusableAudioError
from paralbench.errors import MissingExtraError, ParalbenchError, UnknownNameError

KINDS = [
    one
    for one in vars(errors).values()
    if isinstance(one, type)
    and one.__module__ == errors.__name__
    and issubclass(one, BaseException)
]


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    error = UnknownNameError("task", "Emotoin", ["gender", "emotion"])
    assert str(error) == "unknown task 'Emotoin'. Did you mean 'emotion'? Known: emotion, gender."
    assert (error.kind, error.name, error.known) == ("task", "Emotoin", ("emotion", "gender"))
    assert str(UnknownNameError("task", "x", [])) == "unknown task 'x'. Known: none."


def test_a_missing_extra_gives_the_command():
    assert "pip install 'paralbench[functionals]'" in str(
        MissingExtraError("eGeMAPS", "functionals")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_that_the_command_line_prints(kind):
    assert issubclass(kind, ParalbenchError)


@pytest.mark.parametrize(
    "error",
    [
        UnknownNameError("task", "x", ["y"]),
        MissingExtraError("a", "b"),
        UnusableAudioError("a.wav", "silent", "peak 0"),
        *(kind("what") for kind in KINDS if kind not in (UnknownNameError, MissingExtraError)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_from_another_process_as_it_was(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
