import pytest

from paralbench.errors import ParalbenchError
from paralbench.report.splice import END, START, splice


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    splice(page, "new | table\n")
    assert page.read_text() == f"before\n{START}\nnew | table\n{END}\nafter\n"
    splice(page, "newer")
    assert page.read_text() == f"before\n{START}\nnewer\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["no marks", f"{END} {START}", f"{START} {START} {END}"])
def test_a_page_without_its_marks_is_left_alone(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ParalbenchError, match="each once"):
        splice(page, "new")
    assert page.read_text() == text
