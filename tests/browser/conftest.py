"""A real browser: Debian's chromium, driven by Playwright, cut off from the network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.report.made_up import write_run

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY = "html[data-ready=yes]"  # all charts are drawn
FAILED = ("hubert-large", "cold")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; none here is a reason to fail where skips are strict."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pages and screenshots go."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def largest_run(folder: Path) -> Path:
    """Made-up tables of 14 upstreams, 13 tasks, 5 seeds and 20 transfer pairs."""
    return write_run(folder / "largest", failed=[FAILED])


@pytest.fixture(scope="session")
def largest(largest_run: Path, folder: Path) -> Path:
    """Its page."""
    from paralbench.report.page import write_page

    return write_page(largest_run, folder / "largest.html")


@pytest.fixture(scope="session")
def demo(repository: Path, folder: Path) -> Path:
    """The page of the published demo run."""
    from paralbench.report.page import write_page

    return write_page(repository / "results" / "demo", folder / "demo.html")


@pytest.fixture
def visit(browser: Browser, folder: Path) -> Iterator[Callable[..., Page]]:
    """Open a page; afterwards it must have said nothing to the console and asked for nothing.

    Call it as ``visit(file, width=1280, height=900, wait=True, **options of the context)``.
    """
    contexts = []
    complaints: list[str] = []

    def open_page(file: Path, width=1280, height=900, wait=True, **options) -> Page:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda told: complaints.append(f"{told.type}: {told.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url == file.as_uri() or asked.url.startswith("blob:")
                else complaints.append(f"request: {asked.url}")
            ),
        )
        page.goto(file.as_uri())
        if wait:
            page.wait_for_selector(READY, state="attached", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Vega-Lite's word on a chart whose height follows its rows is none of the reader's concern.
    assert complaints == []
