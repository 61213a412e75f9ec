"""Putting a table into a page between two marks, so that no number is copied by hand."""

from pathlib import Path

from paralbench.errors import ParalbenchError
from paralbench.storage.atomic import write_file

START, END = "<!-- leaderboard -->", "<!-- /leaderboard -->"


def splice(file: Path, text: str) -> None:
    """Replace what stands between the marks of a file.

    Raises:
        ParalbenchError: the file cannot be read, or does not hold each mark once.
    """
    try:
        page = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ParalbenchError(f"{file}: cannot be read: {error.strerror}.") from None
    if page.count(START) != 1 or page.count(END) != 1 or page.index(END) < page.index(START):
        raise ParalbenchError(f"{file}: must hold {START} and then {END}, each once.")
    before, rest = page.split(START)
    after = rest.split(END)[1]
    page = f"{before}{START}\n{text.strip()}\n{END}{after}"
    write_file(file.resolve().parent, file.name, page.encode())
