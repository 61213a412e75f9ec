"""Folders named for languages, with or without a country or a script: en, pt_BR, sr@latin."""

import re

_FOLDER = re.compile(r"(?P<language>[a-z]{2,3})(?:[_@][A-Za-z@]+)?")


def language_of(folder: str) -> str | None:
    """The ISO 639 code in a folder's name; None where the name is of another form."""
    match = _FOLDER.fullmatch(folder)
    return match["language"] if match else None
