"""What each cell is about, to say of which cell a row of another table is."""

from paralbench.report.figures.board import names
from paralbench.report.reading import LAYERWISE, Frame, Run
from paralbench.tables import slots

COLUMNS = ["cell", "name", "floor", "task", "probe", "recipe", "setting", "train", "test", "what"]


def cells(run: Run) -> Frame:
    """One row per cell that has scores, the layer-wise ones left out.

    ``what`` is the task, or for a transfer the label and its corpora:
    ``emotion: iemocap → emodb``.
    """
    rows = run.pooled[run.pooled["recipe"] != LAYERWISE].drop_duplicates("cell")
    rows = rows.rename(columns={"train_corpora": "train", "test_corpus": "test"})
    rows = rows.assign(
        name=names(rows),
        what=[
            title(*parts)
            for parts in zip(
                rows["setting"], rows["task"], rows["train"], rows["test"], strict=True
            )
        ],
    )
    return rows[COLUMNS].reset_index(drop=True)


def title(setting: str, task: str, train: str, test: str) -> str:
    """What is trained and tested, in words."""
    if setting == "within":
        return task
    source = train_title(setting, train)
    ceiling = ", ceiling" if setting == "ceiling" else ""
    return f"{task}: {source} → {test}{ceiling}"


def train_title(setting: str, train: str) -> str:
    """The training corpora in words."""
    if setting == "leave-one-corpus-out":
        return "all others"
    if setting == "pooled":
        return "all, pooled"
    names = " + ".join(slots.domains_of(train))
    classes = slots.classes_of(train)
    return f"{names} ({', '.join(classes)})" if classes else names


def of_cells(run: Run, table: str) -> Frame:
    """A table's rows together with what their cells are about; rows of no known cell are dropped.

    A table's column that :func:`cells` has as well keeps the table's meaning under its own name
    with ``_`` behind.
    """
    return run.table(table).merge(cells(run), on="cell", how="inner", suffixes=("_", ""))
