"""The report page as a reader meets it: every test ends with a console that said nothing."""

import csv
import io
import re
from itertools import pairwise

import pandas as pd
import pytest
from playwright.sync_api import expect
from tests.report.made_up import TASKS, UPSTREAMS, write_run

from paralbench.report.figures.numbers import number
from paralbench.report.leaderboard import leaderboard
from paralbench.report.page import write_page
from paralbench.report.run_tables import RunTables
from paralbench.tables import RunFolder

from .conftest import FAILED

pytestmark = pytest.mark.browser

BOARD = ".board:not([hidden]) table"
SHOWN = f"{BOARD} tbody tr:visible"


def names(page) -> list[str]:
    return page.locator(f"{SHOWN} th").all_inner_texts()


def column(page, head: str) -> list[str]:
    """The shown cells of a column of the leaderboard, without intervals and marks."""
    heads = [text.split()[0] for text in page.locator(f"{BOARD} thead th").all_inner_texts()]
    cells = page.locator(f"{SHOWN} > :nth-child({heads.index(head) + 1})").all_inner_texts()
    return [cell.split()[0].strip("≈†‡§°") if cell.split() else "" for cell in cells]


def sort_by(page, head: str) -> str | None:
    """Press the button of a column; what its head then says."""
    button = page.locator(f"{BOARD} thead th").filter(has=page.get_by_role("button", name=head))
    button.first.get_by_role("button").click()
    return button.first.get_attribute("aria-sort")


@pytest.fixture(scope="module")
def scores(largest_run) -> dict[tuple[str, str], float]:
    """(row, task) to the score of the tables."""
    board = leaderboard(RunTables.read(RunFolder(largest_run)))
    return {
        (row, task): one.value for row, found in board.rows.items() for task, one in found.items()
    }


def test_both_pages_open_without_a_word_to_the_console_and_ask_for_nothing(visit, demo, largest):
    for file in (demo, largest):
        page = visit(file)
        charts = page.locator("[data-figure]").count()
        assert page.locator("[data-figure] svg").count() == charts > 3
    assert largest.stat().st_size < 8 * 2**20


def test_the_leaderboard_shows_the_numbers_of_the_tables(visit, largest, scores):
    page = visit(largest)
    rows = names(page)
    assert set(rows) == {*UPSTREAMS, "(majority)", "(duration)"}
    for task in TASKS:
        for row, cell in zip(rows, column(page, task), strict=True):
            assert cell == number(scores.get((row, task)))


def test_a_column_is_sorted_by_its_button_what_is_better_first(visit, largest, scores):
    page = visit(largest)
    for task, better in (("emotion", "descending"), ("age", "ascending")):
        assert sort_by(page, task) == better
        found = [scores[row, task] for row in names(page)]
        assert found == sorted(found, reverse=better == "descending")
        assert sort_by(page, task) != better
        assert [scores[row, task] for row in names(page)] == found[::-1]
    assert page.locator(f"{BOARD} thead [aria-sort=none]").count() == len(TASKS) + 1
    assert sort_by(page, "upstream") == "ascending"
    assert names(page) == sorted(names(page), key=str.lower)
    assert sort_by(page, "mean rank") == "ascending"
    ranks = [float(rank) for rank in column(page, "mean") if rank]
    assert ranks == sorted(ranks)
    assert len(ranks) == len(UPSTREAMS)


def test_what_has_no_score_comes_last_whatever_the_direction(visit, largest):
    page = visit(largest)
    upstream, task = FAILED
    for _ in range(2):
        sort_by(page, task)
        assert names(page)[-1] == upstream
        assert column(page, task)[-1] == "\u2013"


def test_the_filter_leaves_the_rows_that_contain_it(visit, largest):
    page = visit(largest)
    box = page.get_by_label("Upstreams that contain")
    box.fill("WavLM")
    assert set(names(page)) == {"wavlm-large", "wavlm-base-plus"}
    assert page.locator("#leaderboard-controls output").inner_text() == "2 of 16 rows"
    box.fill("no such thing")
    assert names(page) == []
    box.fill("")
    assert len(names(page)) == 16


def test_intervals_can_be_put_away(visit, largest):
    page = visit(largest)
    cell = page.locator(f"{BOARD} tbody .interval").first
    assert cell.is_visible()
    page.get_by_label("Intervals").uncheck()
    assert not cell.is_visible()


def test_all_scores_are_searched_sorted_and_shown_in_parts(visit, largest, largest_run):
    page = visit(largest)
    count = page.locator("#explorer-controls output")
    assert page.locator("#all-scores tbody tr").count() == 100
    page.get_by_label("Rows that contain").fill("iemocap emodb wavlm-large")
    page.get_by_label("Metric").select_option("uar")
    assert count.inner_text().startswith("2 of ")
    rows = page.locator("#all-scores tbody tr").all_inner_texts()
    assert {row.split("\t")[0] for row in rows} == {
        "emotion: emodb → iemocap",
        "emotion: iemocap → emodb",
    }
    page.get_by_label("Rows that contain").fill("")
    page.locator("#all-scores").get_by_role("button", name="value").click()
    shown = page.locator("#all-scores tbody td:nth-child(6)").all_inner_texts()
    table = RunFolder(largest_run).read("scores")
    table = table[(table["fold"] == "all") & (table["seed"] == "mean") & (table["metric"] == "uar")]
    table = table[
        table["group"].isna() & (table["train_share"] == 1) & (table["recipe"] != "layers")
    ]
    best = sorted(table["value"], reverse=True)
    assert shown[:20] == [number(value) for value in best[:20]]
    page.get_by_role("button", name="Show more rows").click()
    assert page.locator("#all-scores tbody tr").count() == min(600, len(best))


def test_a_choice_changes_the_chart_and_its_numbers(visit, largest, largest_run):
    page = visit(largest)
    figure = page.locator("#figure-transfer")
    figure.locator("summary").click()
    for upstream in ("wavlm-large", "tera-960h"):
        figure.get_by_role("combobox", name="Upstream").select_option(upstream)
        expect(figure.locator(".chart")).to_have_attribute(
            "aria-label", re.compile(f"Upstream: {upstream}")
        )
        table = RunFolder(largest_run).read("scores")
        table = table[(table["upstream"] == upstream) & (table["setting"] != "within")]
        table = table[(table["metric"] == "uar") & (table["seed"] == "mean")]
        table = table[table["group"].isna() & table["class"].isna()]
        wanted = sorted(number(value) for value in table["value"])
        assert len(wanted) == 25  # 20 pairs, and 5 ceilings on the diagonal
        drawn = figure.locator("svg text").all_text_contents()
        assert sorted(text for text in drawn if text in set(wanted)) == wanted
        listed = figure.locator("table.shown tbody tr td:nth-child(6)").all_inner_texts()
        assert sorted(listed) == wanted


def test_numbers_are_downloaded_as_csv_and_charts_as_svg(visit, largest, largest_run):
    page = visit(largest)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table as CSV").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    board = leaderboard(RunTables.read(RunFolder(largest_run)))
    for row in rows:
        wanted = board.rows[row["upstream"]][row["task"]]
        assert float(row["value"]) == pytest.approx(wanted.value, abs=1e-9)
        assert float(row["interval from"]) == pytest.approx(wanted.low, abs=1e-9)
    assert len(rows) == sum(len(found) for found in board.rows.values())
    figure = page.locator("#figure-layers")
    figure.locator("summary").click()
    with page.expect_download() as waiting:
        figure.get_by_role("button", name="All numbers as CSV").click()
    layers = pd.read_csv(waiting.value.path())
    wanted = RunFolder(largest_run).read("scores")
    assert len(layers) == (wanted["recipe"] == "layers").sum()
    with page.expect_download() as waiting:
        figure.get_by_role("button", name="This chart as SVG").click()
    assert waiting.value.suggested_filename == "layers.svg"
    assert waiting.value.path().read_text(encoding="utf-8").startswith("<svg")


FOCUSABLE = """() => [...document.querySelectorAll(
  'a[href], button, select, input, summary, [tabindex="0"]')].filter(one => {
    return one.checkVisibility() && one.getBoundingClientRect().width > 0;
  }).length"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  one.dataset.seen = one.dataset.seen || String(document.querySelectorAll('[data-seen]').length);
  const style = getComputedStyle(one);
  return [one.dataset.seen, one.outerHTML.slice(0, 80), style.outlineStyle, style.outlineWidth];
}"""


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(visit, demo):
    page = visit(demo)
    wanted = page.evaluate(FOCUSABLE)
    seen = {}
    for _ in range(2 * wanted):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None or (seen and found[0] == "0"):
            break
        assert found[2] != "none", found
        assert found[3] != "0px", found
        seen[found[0]] = found[1]
    assert len(seen) == wanted > 30


def test_a_table_is_sorted_and_filtered_by_keys_alone(visit, largest, scores):
    page = visit(largest)
    page.locator(f"{BOARD} thead").get_by_role("button", name="emotion").focus()
    page.keyboard.press("Enter")
    assert names(page)[0] == max(
        (name for name, task in scores if task == "emotion"), key=lambda one: scores[one, "emotion"]
    )
    page.get_by_label("Upstreams that contain").focus()
    page.keyboard.type("tera")
    assert names(page) == ["tera-960h"]


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_page_never_overflows_to_the_side(visit, demo, largest, width):
    for file in (demo, largest):
        page = visit(file, width=width, height=740)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter(one => "
            "one.getBoundingClientRect().right > innerWidth + 1).length"
        )
        assert wide == 0


def test_a_window_that_is_made_narrow_redraws_its_panels(visit, largest):
    page = visit(largest)
    chart = page.locator("#figure-layers svg")
    before = chart.bounding_box()["width"]
    page.set_viewport_size({"width": 400, "height": 800})
    expect(chart).not_to_have_attribute("width", re.compile(r"^([4-9]..|.{4,})"))
    assert before > 700
    assert chart.bounding_box()["width"] < 400


def test_dark_and_light_follow_the_reader_with_enough_contrast(visit, demo):
    contrasts = """() => {
      const light = text => {
        const parts = text.match(/[\\d.]+/g).map(Number).slice(0, 3).map(one => one / 255)
          .map(one => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      return ['p', 'figcaption', '.contents a', 'td', '.interval', 'caption', '.facts dt']
        .map(one => document.querySelector(one)).filter(Boolean).map(one => {
          const ink = light(getComputedStyle(one).color);
          return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        });
    }"""
    grounds = []
    for scheme in ("light", "dark"):
        page = visit(demo, color_scheme=scheme)
        assert min(page.evaluate(contrasts)) >= 4.5  # WCAG AA
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == "rgb(255, 255, 255)" != grounds[1]


def test_on_paper_controls_go_and_choices_are_written(visit, demo, folder):
    page = visit(demo)
    page.emulate_media(media="print")
    assert page.locator(".controls:visible, .buttons:visible, nav:visible").count() == 0
    told = page.locator("#figure-transfer .chosen")
    assert told.is_visible()
    assert "Upstream: " in told.inner_text()
    pages = folder / "demo.pdf"
    page.pdf(path=pages, format="A4")
    assert pages.read_bytes().startswith(b"%PDF")


def test_without_scripts_the_tables_can_be_read(visit, demo):
    page = visit(demo, wait=False, java_script_enabled=False)
    assert page.locator(f"{SHOWN} th").count() > 3
    told = page.locator("noscript").first.text_content()
    assert "Without JavaScript the tables can be read" in told


def test_names_that_hold_code_do_nothing(visit, folder):
    name = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
    run = write_run(
        folder / "hostile",
        upstreams=[name, "hubert-base"],
        tasks=[f"{name} task", "emotion"],
        corpora=(f"{name} one", "emodb"),
        seeds=1,
    )
    page = visit(write_page(run, folder / "hostile.html"))
    assert name in names(page)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.locator("#figure-heatmap .mark-rect path").first.hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_contain_text("onerror=alert(1)")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3


def test_headings_and_landmarks_are_in_order(visit, demo):
    page = visit(demo)
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == "demo – ParaLBench"  # noqa: RUF001
    assert [page.locator(one).count() for one in ("main", "nav", "header", "footer", "h1")] == [
        1
    ] * 5
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3')].map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    unnamed = page.evaluate(
        "[...document.querySelectorAll('select, input, button, [role=region]')].filter(one =>"
        " !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label'))).length"
    )
    assert unnamed == 0


def test_screenshots_can_be_taken(visit, demo, largest, folder):
    """For people to look at: they lie in pytest's temporary folder."""
    for file in (demo, largest):
        for name, width in (("desktop", 1280), ("phone", 360)):
            shot = folder / f"{file.stem}-{name}.png"
            visit(file, width=width).screenshot(path=shot, full_page=True)
            assert shot.stat().st_size > 10_000
