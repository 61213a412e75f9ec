"""Measurements: each is a ratio against a baseline of the same run, kept as a row of a CSV file.

They run under ``make test-all`` and assert only that the measurement was made: a slow machine is
no fault of the code.
"""

import pytest
from tests.performance import table


@pytest.fixture
def record():
    """Write rows to ``results/performance/NAME.csv``; see :func:`tests.performance.table.write`."""
    return table.write
