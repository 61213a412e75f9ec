"""What holds for every metric."""

import doctest
from typing import get_args

import pytest

from paralbench.cards import task
from paralbench.metrics import METRICS, calibration, classes, regression


def test_every_metric_a_card_may_name_exists():
    assert set(METRICS) == set(get_args(task.MetricName))
    for name, metric in METRICS.items():
        assert metric.name == name
        allowed = task.CLASS_METRICS if metric.kind == "classes" else task.NUMBER_METRICS
        assert name in allowed


def test_direction():
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["mae"]


@pytest.mark.parametrize("name", METRICS)
def test_perfection_is_the_good_end_of_the_range(name):
    metric = METRICS[name]
    best = metric.range[1] if metric.higher_is_better else metric.range[0]
    assert metric([0, 1, 2, 2], [0, 1, 2, 2]) == pytest.approx(best)
    assert metric.title
    assert "Range:" in (type(metric).__doc__ or "")


@pytest.mark.parametrize("module", [calibration, classes, regression])
def test_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_importing_the_metrics_imports_nothing_heavy(run_python):
    code = "import sys, paralbench.metrics; print(*sys.modules)"
    loaded = run_python(code).stdout.split()
    assert not {"pandas", "torch", "scipy", "sklearn"} & set(loaded)
