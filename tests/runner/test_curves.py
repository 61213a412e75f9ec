"""Extrapolated scores from rows of the scores table."""

import numpy as np
import pandas as pd
import pytest

from paralbench.runner.curves import extrapolation_frame
from paralbench.tables import TABLES


def scores(shares, values, metric="uar", layer="mix", per_share=1000):
    return pd.DataFrame(
        {
            "layer": layer,
            "fold": "all",
            "seed": "mean",
            "group": None,
            "class": None,
            "metric": metric,
            "train_share": shares,
            "n_train": [round(per_share * share) for share in shares],
            "value": values,
        }
    )


def power(shares, a=0.8, b=2.0, c=0.5, sign=-1):
    return [a + sign * b * (1000 * share) ** -c for share in shares]


def test_twice_and_four_times_the_speakers_are_read_off_the_curve():
    shares = [0.1, 0.25, 0.5, 1.0]
    found = extrapolation_frame(scores(shares, power(shares)), "uar", "cell")
    assert found["train_share"].tolist() == [2.0, 4.0]
    assert found["value"].to_numpy() == pytest.approx(power([2.0, 4.0]))
    assert found[["a", "b", "c"]].iloc[0].to_numpy(float) == pytest.approx([0.8, 2.0, 0.5])
    assert set(found["form"]) == {"a - b n^-c"}
    assert set(found["n_points"]) == {4}
    assert found["rmse"].max() < 1e-9
    assert found["reason"].isna().all()
    assert TABLES["extrapolation"].to_arrow(found).num_rows == 2


def test_errors_fall_along_the_curve():
    shares = [0.1, 0.25, 0.5, 1.0]
    found = extrapolation_frame(
        scores(shares, power(shares, a=5, b=40, sign=1), "mae"), "mae", "cell"
    )
    assert found["value"].to_numpy() == pytest.approx(power([2, 4], a=5, b=40, sign=1))
    assert set(found["form"]) == {"a + b n^-c"}


def test_each_layer_has_a_curve_of_its_own_and_other_rows_are_no_points():
    shares = [0.1, 0.25, 0.5, 1.0]
    good, bad = scores(shares, power(shares)), scores(shares, [0.5, 0.45, 0.4, 0.3], layer="3")
    others = [
        good.assign(group="gender=male", value=0.1),
        good.assign(metric="recall", value=0.2, **{"class": "sad"}),
        good.assign(seed="0", value=0.3),
        good.assign(fold="one", value=0.4),
        good.assign(metric="wa", value=0.5),
    ]
    found = extrapolation_frame(pd.concat([good, bad, *others]), "uar", "cell")
    assert found["layer"].tolist() == ["mix", "mix", "3", "3"]
    assert found["value"].iloc[:2].to_numpy(float) == pytest.approx(power([2.0, 4.0]))
    assert found["value"].iloc[2:].isna().all()
    assert "does not get better" in found["reason"].iloc[2]
    assert TABLES["extrapolation"].to_arrow(found).num_rows == 4


def test_three_points_have_a_curve_of_fixed_exponent_and_two_have_none():
    shares = [0.25, 0.5, 1.0]
    found = extrapolation_frame(scores(shares, power(shares)), "uar", "cell")
    assert set(found["form"]) == {"a - b n^-0.5"}
    assert found["value"].to_numpy() == pytest.approx(power([2.0, 4.0]))
    found = extrapolation_frame(scores(shares[1:], power(shares[1:])), "uar", "cell")
    assert set(found["reason"]) == {"points at 3 sizes of the training part are needed, not 2"}
    assert np.isnan(found["value"].to_numpy(float)).all()


def test_without_all_training_speakers_there_is_nothing_to_go_on_from():
    shares = [0.1, 0.2, 0.4, 0.5]
    found = extrapolation_frame(scores(shares, power(shares)), "uar", "cell")
    assert set(found["reason"]) == {"no score with all training speakers"}
