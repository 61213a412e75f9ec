"""A small static site: a page for each published run, and an index that links them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from paralbench.errors import ParalbenchError
from paralbench.report.page.sections import about
from paralbench.report.page.sections.view import View
from paralbench.report.page.write import environment, write_page
from paralbench.report.reading import Run
from paralbench.storage.atomic import write_file
from paralbench.tables import RunFolder


def write_site(results: Path, out: Path) -> list[Path]:
    """Write a page for every folder with tables in ``results``, and ``index.html``.

    Args:
        results: the folder of published runs; a folder inside that holds no tables is passed over.
        out: where the pages go.

    Returns:
        the files, the index first.

    Raises:
        ParalbenchError: there is no such folder, or two runs would have one page.
        StoreError: a table is damaged, or the disk refuses.
        MissingExtraError: the extra ``report`` is not installed.
    """
    if not results.is_dir():
        raise ParalbenchError(f"{results}: no such folder; give the one that holds the runs.")
    folders = sorted(one for one in results.iterdir() if one.is_dir() and RunFolder(one).exists())
    files = {folder: f"{_plain(folder.name)}.html" for folder in folders}
    if len(set(files.values())) < len(files):
        raise ParalbenchError(f"{results}: two runs would have one page: {sorted(files.values())}.")
    engine = environment()
    runs = [_entry(folder, file) for folder, file in files.items()]
    written = [write_page(folder, out / file) for folder, file in files.items()]
    text = engine.get_template("index.html.j2").render(runs=runs, folder=results.name)
    write_file(out.resolve(), "index.html", text.encode())
    return [out / "index.html", *written]


def _entry(folder: Path, file: str) -> dict[str, object]:
    view = View(Run.open(folder), folder.name)
    board = view.board
    pooled = view.run.pooled
    transfers = sorted(set(pooled.loc[pooled["setting"] != "within", "task"]))
    versions = sorted(set(pooled["paralbench_version"].dropna()))
    facts = [
        ("date", _date(folder)),
        ("upstreams", ", ".join(view.order)),
        ("tasks", ", ".join(sorted(set(board["task"])))),
        ("transfer of", ", ".join(transfers)),
        ("probes", ", ".join(view.run.probes)),
        ("cells that failed", str(len(view.run.table("failures")))),
        ("paralbench", ", ".join(versions)),
    ]
    return {
        "href": quote(file),
        "title": about.title(view),
        "lead": about.lead(view),
        "facts": [(what, value or "none") for what, value in facts],
    }


def _date(folder: Path) -> str:
    """When the run was begun, as its plan says; else the day of the files."""
    told = RunFolder(folder).begun
    if told:
        return told
    files = [folder / "scores.parquet", folder / "plan.json"]
    newest = max(file.stat().st_mtime for file in files if file.is_file())
    return f"{datetime.fromtimestamp(newest, UTC).date().isoformat()} (of the files)"


def _plain(name: str) -> str:
    """A folder's name as a file's: letters, digits, dots and dashes."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "run"
    return "index-run" if plain == "index" else plain
