"""Which scores may be ranked, and why others may not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

from paralbench.errors import UnknownNameError
from paralbench.report.run_tables import RunTables, row_name, score_rows, where
from paralbench.tables.slots import FLOORS


@dataclass(frozen=True)
class Table:
    """Score rows by column, whole: each column has a row of each upstream.

    Attributes:
        title: what it is about.
        thing: what a column is: ``task`` or ``corpus pair`` (training and test).
        upstreams: their names, sorted.
        columns: column to its score rows.
        found: all usable rows, of columns that are not whole as well.
        missing: (upstream, column) to why there is no usable score.
        notes: which columns and upstreams are left out, and why.
    """

    title: str
    thing: str
    upstreams: tuple[str, ...]
    columns: dict[str, list[SimpleNamespace]]
    found: dict[str, list[SimpleNamespace]]
    missing: dict[tuple[str, str], str]
    notes: tuple[str, ...]

    def only(self, upstreams: Sequence[str]) -> "Table":
        """The table of some upstreams; it may have more columns.

        Raises:
            UnknownNameError: an upstream that has no usable score here.
        """
        known = {row_name(row) for rows in self.found.values() for row in rows}
        for name in upstreams:
            if name not in known:
                raise UnknownNameError("upstream to rank", name, known)
        wanted = set(upstreams)
        found = {
            column: [row for row in rows if row_name(row) in wanted]
            for column, rows in self.found.items()
        }
        missing = {key: why for key, why in self.missing.items() if key[0] in wanted}
        return _whole(replace(self, found=found, missing=missing))


def usable(
    tables: RunTables, setting: str, recipe: str, normalisation: str, label: str | None
) -> Table:
    """The scores of one setting and recipe that may be ranked together.

    Left out are rows of a leaking split, of an upstream that was trained on the test corpus, and,
    unless the normalisation that is asked for is so itself, rows that read unlabelled test data.
    """
    found: dict[str, list[SimpleNamespace]] = {}
    missing: dict[tuple[str, str], str] = {}
    rows = score_rows(
        tables, setting=setting, recipes=[recipe], normalisation=normalisation, task=label
    )
    for row in rows if recipe not in FLOORS else []:
        column = _column(setting, row.task, row.train_corpora, row.test_corpus)
        found.setdefault(column, [])
        if row.leakage:
            missing[row_name(row), column] = f"the split leaks: {row.leakage}"
        elif row.contaminated:
            missing[row_name(row), column] = "the upstream was trained on the test corpus"
        elif row.transductive and normalisation == "none":
            missing[row_name(row), column] = "unlabelled test data was read"
        else:
            found[column].append(row)
    reasons = tables.why_failed()
    for plan in tables.planned:
        same = (plan["setting"], plan["recipe"], plan["normalisation"])
        if same == (setting, recipe, normalisation) and label in (None, plan["task"]):
            column = _column(setting, plan["task"], plan["train"], plan["test"])
            found.setdefault(column, [])
            if plan["cell"] in reasons:
                missing[plan["upstream"], column] = f"failed: {reasons[plan['cell']]}"
    title = f"Ranking: {setting}, recipe {recipe}, normalisation {normalisation}"
    title += f", {label}" if label else ""
    thing = "task" if setting == "within" else "corpus pair"
    return _whole(Table(title, thing, (), {}, dict(sorted(found.items())), missing, ()))


def _column(setting: str, task: str, train: str, test: str) -> str:
    here = where(setting, task, train, test)
    return here if setting == "within" else f"{task}: {here}"


def _whole(table: Table) -> Table:
    """Keep the columns that every upstream has; say why the others are out."""
    names = sorted({row_name(row) for rows in table.found.values() for row in rows})
    columns, missing, notes = {}, dict(table.missing), []
    for column, rows in table.found.items():
        have = {row_name(row) for row in rows}
        for name in names:
            if name not in have:
                missing.setdefault((name, column), "not run")
        lacking = {name: missing[name, column] for name in names if name not in have}
        out = {name: why for (name, where), why in missing.items() if where == column}
        if names and not lacking:
            columns[column] = sorted(rows, key=row_name)
        else:
            notes.append(f"{column}: not ranked: {_grouped(lacking or out, len(names))}.")
    never = {name for name, _ in missing} - set(names)
    for name in sorted(never):
        whys = {why for (one, _), why in missing.items() if one == name}
        notes.append(f"{name}: not ranked: {'; '.join(sorted(whys))}.")
    return replace(
        table, upstreams=tuple(names), columns=columns, missing=missing, notes=tuple(notes)
    )


def _grouped(reasons: dict[str, str], n_upstreams: int) -> str:
    """Reasons with the names that they are of; without them where it is one for all."""
    by_reason: dict[str, list[str]] = {}
    for name, why in sorted(reasons.items()):
        by_reason.setdefault(why, []).append(name)
    if len(by_reason) == 1 and len(reasons) >= n_upstreams > 1:
        return next(iter(by_reason))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())
