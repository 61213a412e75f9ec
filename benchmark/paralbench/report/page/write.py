"""Putting the page together and writing it."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paralbench.errors import MissingExtraError
from paralbench.report.reading import Run
from paralbench.storage.atomic import write_file

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def write_page(run: Path, out: Path) -> Path:
    """Write a run's report.

    Args:
        run: a run folder, or a folder of published tables.
        out: the HTML file.

    Returns:
        ``out``.

    Raises:
        StoreError: there is no run, a table is damaged, or the disk refuses.
        MissingExtraError: the extra ``report`` is not installed.
    """
    text = page_text(run)
    write_file(out.resolve().parent, out.name, text.encode())
    return out


def page_text(run: Path) -> str:
    """A run's report as HTML.

    Raises:
        StoreError: there is no run, or a table is damaged.
        MissingExtraError: the extra ``report`` is not installed.
    """
    engine = environment()
    from markupsafe import Markup

    from paralbench.report.page.contents import contents

    page = contents(Run.open(run), _named(run))
    scripts = {"vega": _vega(), "script": (TEMPLATES / "page.js").read_text(encoding="utf-8")}
    return engine.get_template("page.html.j2").render(
        **page.shown,
        data=Markup(page.data),
        policy=_policy(list(scripts.values())),
        **{name: Markup(text) for name, text in scripts.items()},
    )


def environment() -> "Environment":
    """The templates, with the style and the version that all of them show.

    Raises:
        MissingExtraError: the extra ``report`` is not installed.
    """
    try:
        import altair  # noqa: F401
        import jinja2
        import vl_convert  # noqa: F401
    except ImportError:
        raise MissingExtraError("a report page", "report") from None
    from markupsafe import Markup

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["code"] = _code
    made.globals["style"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    made.globals["version"] = version("paralbench")
    return made


def _code(text: str) -> Any:
    """A text whose parts between backticks are code, escaped."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part
        for index, part in enumerate(parts)
    )


def _named(run: Path) -> str:
    """The folder as the page's commands name it: as given, but never a path of this machine."""
    return shlex.quote(run.resolve().name if run.is_absolute() else run.as_posix())


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed, as the installed package bundles them."""
    import vl_convert

    bundle: Any = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return str(bundle).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(scripts: Sequence[str]) -> str:
    """What a browser may do for this page: run these scripts, and ask nobody for anything."""
    digests = [hashlib.sha256(text.encode()).digest() for text in scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
