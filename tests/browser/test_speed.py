"""How soon the largest page opens and sorts; the figures go to results/performance/page.csv."""

import statistics

import pytest
from tests.performance import table

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUNS = 5
SORT = """head => {
  const button = [...document.querySelectorAll('.board thead button')]
    .find(one => one.textContent.includes(head));
  const started = performance.now();
  button.click();
  document.body.getBoundingClientRect();  // lays the page out
  return (performance.now() - started) / 1000;
}"""
FILTER = """() => {
  const box = document.querySelector('[data-explore]');
  const started = performance.now();
  box.value = 'wavlm emodb';
  box.dispatchEvent(new Event('input'));
  document.body.getBoundingClientRect();
  return (performance.now() - started) / 1000;
}"""
OPENED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
DRAWN = "() => performance.now() / 1000"


def test_the_largest_page_opens_and_sorts(visit, largest):
    taken = {"opens": [], "all charts drawn": [], "sorts": [], "searches all scores": []}
    for _ in range(RUNS):
        page = visit(largest)
        taken["all charts drawn"].append(page.evaluate(DRAWN))
        taken["opens"].append(page.evaluate(OPENED))
        taken["sorts"].append(page.evaluate(SORT, "emotion"))
        taken["searches all scores"].append(page.evaluate(FILTER))
        page.context.close()
    rows = [
        {
            "measure": f"page of 14 upstreams and 13 tasks: {name}",
            "ours": statistics.median(seconds),
            "unit": f"s, median of {RUNS}",
            "target": "2 s" if name in ("opens", "sorts") else "",
            "command": "pytest tests/browser/test_speed.py",
        }
        for name, seconds in taken.items()
    ]
    rows.append(
        {
            "measure": "page of 14 upstreams and 13 tasks: size",
            "ours": largest.stat().st_size / 2**20,
            "unit": "MiB",
            "target": "8 MiB",
            "command": "pytest tests/browser/test_speed.py",
        }
    )
    assert table.write("page", rows).is_file()
    assert max(statistics.median(seconds) for seconds in taken.values()) < 20
