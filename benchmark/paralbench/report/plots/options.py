"""What can be asked of a plot."""

from collections.abc import Iterable
from dataclasses import dataclass

from paralbench.errors import ParalbenchError, UnknownNameError
from paralbench.report.figures.view import View
from paralbench.report.reading import Frame


@dataclass(frozen=True)
class Options:
    """The choices of a plot; None takes the first that there is.

    Attributes:
        width: inches; by default what suits the kind.
        task: a task, a harmonised label, or a transfer such as ``emotion: iemocap → emodb``.
        upstream: for plots of one upstream.
        probe: recipe, and normalisation if any: ``paralbench, speaker-normalised``.
        cost: ``real-time`` or ``parameters``.
    """

    width: float | None = None
    task: str | None = None
    upstream: str | None = None
    probe: str | None = None
    cost: str = "real-time"

    def inches(self, usual: float) -> float:
        """The width that is asked for, or the usual one of a kind."""
        return self.width or usual


def choose(frame: Frame, column: str, given: str | None, noun: str) -> Frame:
    """The rows of one level of a column: the given one, or the first.

    Raises:
        UnknownNameError: there is no such level; the message lists what there is.
    """
    levels = list(dict.fromkeys(frame[column]))
    wanted = levels[0] if given is None else given
    if wanted not in levels:
        raise UnknownNameError(noun, wanted, map(str, levels))
    return frame[frame[column] == wanted].reset_index(drop=True)


def needed(frame: Frame, why: str) -> Frame:
    """The frame, if there is anything in it.

    Raises:
        ParalbenchError: it is empty.
    """
    if frame.empty:
        raise ParalbenchError(f"nothing to draw: {why}")
    return frame


def of_probe(view: View, frame: Frame, options: Options) -> Frame:
    """The rows of the probe that is asked for, by default the run's first.

    Raises:
        UnknownNameError: the run has no such probe.
    """
    probes: Iterable[str] = view.run.probes
    first = next((one for one in probes if one in set(frame["probe"])), None)
    return choose(frame, "probe", options.probe or first, "probe")
