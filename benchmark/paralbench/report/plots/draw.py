"""Drawing a plot of a run into a file."""

import io
from pathlib import Path

from paralbench.errors import MissingExtraError, ParalbenchError
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import FORMATS, KINDS
from paralbench.report.plots.options import Options
from paralbench.report.reading import Run
from paralbench.storage.atomic import write_file


def draw(run: Path, kind: str, out: Path, options: Options | None = None) -> Path:
    """Draw a plot of a run; the same tables give the same bytes.

    Args:
        run: a run folder, or a folder of published tables.
        kind: one of :data:`~paralbench.report.plots.kinds.KINDS`.
        out: the file; its ending says the format: pdf, png or svg.
        options: what to draw, and how wide.

    Returns:
        ``out``.

    Raises:
        UnknownNameError: no such kind, task, upstream or probe.
        ParalbenchError: the ending is another, or the run has nothing of this kind.
        StoreError: there is no run, or a table is damaged.
        MissingExtraError: the extra ``report`` is not installed.
    """
    form = out.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise ParalbenchError(f"--out: {out.name!r} must end in .{', .'.join(FORMATS)}.")
    if kind not in KINDS:
        KINDS.get(kind)  # which names the known ones
    try:
        import matplotlib
    except ImportError:
        raise MissingExtraError("a plot", "report") from None
    from paralbench.report.plots.style import STYLE

    buffer = io.BytesIO()
    # Dates and versions in the file would make two drawings of one run differ.
    none = {"pdf": ("CreationDate", "Creator", "Producer"), "svg": ("Date", "Creator")}
    metadata = dict.fromkeys(none.get(form, ("Software",)))
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = KINDS.get(kind)(View(Run.open(run)), options or Options())
        figure.savefig(buffer, format=form, metadata=metadata, bbox_inches=None)
    write_file(out.resolve().parent, out.name, buffer.getvalue())
    return out
