"""What is on a page: its sections in order, its facts, and the data that its script reads."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from paralbench.report.page.encode import columnar, script_json
from paralbench.report.page.figure import Section
from paralbench.report.page.sections import about, across, inside, protocol, scores
from paralbench.report.page.sections.view import View
from paralbench.report.reading import Run


@dataclass(frozen=True)
class Contents:
    """A page before it is written.

    Attributes:
        shown: what the template shows.
        data: the embedded JSON.
    """

    shown: dict[str, Any]
    data: str


def contents(run: Run, given: str) -> Contents:
    """Build all sections of a run's page.

    Args:
        run: the tables.
        given: the run folder as commands on the page name it.
    """
    view = View(run, given)
    sections = (
        scores.leaderboard(view),
        about.words(view),
        scores.heat_map(view),
        scores.ranks(view),
        scores.by_task(view),
        across.across(view),
        inside.layers(view),
        inside.confusion(view),
        inside.efficiency(view),
        inside.groups(view),
        inside.learning(view),
        inside.calibration(view),
        about.explorer(view),
        protocol.trouble(view),
        protocol.protocol(view),
        about.again(view),
    )
    shown = {
        "title": about.title(view),
        "lead": about.lead(view),
        "facts": about.facts(view),
        "sections": sections,
        "given": given,
    }
    return Contents(shown, script_json(_data(sections)))


def _data(sections: tuple[Section, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "figures": {one.id: one.embedded() for section in sections for one in section.figures}
    }
    for section in sections:
        frame = section.extra.get("download")
        if isinstance(frame, pd.DataFrame) and not section.missing:
            found[section.id] = {
                "frame": columnar(frame),
                "columns": dict(section.extra["columns"]),
                "numeric": sorted(section.extra["numeric"]),
                "start": dict(section.extra.get("start", {})),
            }
    return found
