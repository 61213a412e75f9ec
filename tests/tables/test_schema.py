import pandas as pd
import pyarrow as pa
import pytest

from paralbench.errors import StoreError
from paralbench.tables import TABLES


def failures(**changes):
    row = {"cell": "c", "stage": "probe", "error": "E", "message": "m", "when": "now"}
    return pd.DataFrame([{**row, **changes}])


def test_a_frame_that_fits_keeps_its_values_and_gets_the_declared_types():
    known = {
        "cell": "c",
        "stage": "encode",
        "seconds": 2,
        "peak_memory_bytes": 2**40,
        "device": "cpu",
    }
    row = dict.fromkeys(TABLES["timings"].names) | known
    table = TABLES["timings"].to_arrow(pd.DataFrame([row]))
    assert table.schema.field("seconds").type == pa.float64()
    assert table.schema.field("audio_seconds").type == pa.float64()
    assert table.to_pylist() == [{**row, "seconds": 2.0}]


def test_a_missing_column_is_named():
    with pytest.raises(StoreError, match=r"'failures': missing columns \['when'\]"):
        TABLES["failures"].to_arrow(failures().drop(columns="when"))


def test_an_unknown_column_is_named():
    with pytest.raises(StoreError, match=r"unknown columns \['colour'\]"):
        TABLES["failures"].to_arrow(failures(colour="red"))


def test_a_missing_value_in_a_required_column_is_refused():
    with pytest.raises(StoreError, match="column 'stage' has missing values"):
        TABLES["failures"].to_arrow(failures(stage=None))


def test_a_value_of_another_type_is_refused():
    with pytest.raises(StoreError, match="column 'stage' must hold string"):
        TABLES["failures"].to_arrow(failures(stage=3))


def test_predictions_take_one_probability_column_per_class_and_no_other():
    names = TABLES["predictions"].names
    frame = pd.DataFrame([dict.fromkeys(names, "x")]).assign(**{"probability happy": 0.25})
    assert TABLES["predictions"].to_arrow(frame)["probability happy"].to_pylist() == [0.25]
    with pytest.raises(StoreError, match="unknown columns"):
        TABLES["predictions"].to_arrow(frame.assign(odds=1.0))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_is_declared_once_and_explained(name):
    columns = TABLES[name].columns
    assert len({column.name for column in columns}) == len(columns)
    assert all(column.meaning for column in columns)
    assert list(TABLES[name].empty().columns) == TABLES[name].names
