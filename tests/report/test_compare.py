import io
import json

import numpy as np
import pandas as pd
import pytest

from paralbench.cli import main
from paralbench.errors import ParalbenchError
from paralbench.metrics import METRICS
from paralbench.report.compare import compare_runs
from paralbench.report.reference import compare_reference, read_reference
from paralbench.report.render_compare import render, summary
from paralbench.statistics.paired import difference

from .conftest import score
from .made_up import write_run

SMALL = {"tasks": ["emotion", "age"], "corpora": (), "seeds": 2, "layers": False}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs with the same test utterances; the second has another upstream."""
    folder = tmp_path_factory.mktemp("compare")
    one = write_run(folder / "before", upstreams=["wavlm-large", "hubert-base"], **SMALL)
    two = write_run(folder / "after", upstreams=["wavlm-large", "tera-960h"], seed=1, **SMALL)
    return one, two


def row(changes, what, upstream, metric):
    frame = changes.frame
    found = frame[
        (frame["what"] == what) & (frame["upstream"] == upstream) & (frame["metric"] == metric)
    ]
    (one,) = found.to_dict("records")
    return one


def test_a_run_against_itself_is_equal(runs):
    changes = compare_runs(runs[0], runs[0], every=True)
    assert set(changes.frame["verdict"]) == {"equal"}
    assert (changes.frame["difference"] == 0).all()
    assert (changes.frame["changed"] == "").all()


def test_the_difference_is_that_of_the_paired_statistics(runs):
    """Read from the predictions by hand."""
    found = row(compare_runs(*runs), "emotion", "wavlm-large", "uar")

    def answers(folder):
        frame = pd.read_parquet(folder / "predictions.parquet")
        scores = pd.read_parquet(folder / "scores.parquet")
        mine = scores[(scores["upstream"] == "wavlm-large") & (scores["task"] == "emotion")]
        return frame[frame["cell"] == mine["cell"].iloc[0]]

    one, two = answers(runs[0]), answers(runs[1])
    seed = one["seed"] == "0"
    assert list(one["truth"]) == list(two["truth"])
    said = [frame["prediction"].to_numpy(object).reshape(2, -1) for frame in (one, two)]
    classes = sorted(set(one["truth"]))
    wanted = difference(
        METRICS["uar"],
        one["truth"][seed].to_numpy(object),
        said[1],
        said[0],
        ("msp-podcast/" + one["speaker"][seed]).to_numpy(object),
        seed=0,
        classes=classes,
    )
    assert found["difference"] == pytest.approx(wanted.value)
    assert (found["low"], found["high"]) == pytest.approx((wanted.low, wanted.high))
    assert found["p_value"] == pytest.approx(wanted.p_value)


def test_cells_of_one_run_alone_are_told(runs):
    changes = compare_runs(*runs)
    assert row(changes, "age", "hubert-base", "mae")["verdict"] == "only in the first"
    only = row(changes, "age", "tera-960h", "mae")
    assert only["verdict"] == "only in the second"
    assert pd.isna(only["first"])


def test_what_a_score_depends_on_is_told_where_it_changed(make_run, tmp_path):
    run = make_run([score("1", "a", "t", 0.5, features_key="one", cards_key="x", n_train=5)])
    before = tmp_path / "before"
    run.publish(before)
    after = write_again(before, tmp_path / "after", features_key="two", n_train=6)
    (found,) = compare_runs(before, after).frame.to_dict("records")
    assert found["changed"] == "features, training utterances"
    assert found["verdict"] == "equal"


def write_again(folder, other, **changed):
    import shutil

    shutil.copytree(folder, other)
    scores = pd.read_parquet(other / "scores.parquet").assign(**changed)
    scores.to_parquet(other / "scores.parquet")
    return other


def test_without_predictions_there_is_a_reason_and_no_verdict(make_run, tmp_path):
    before = tmp_path / "before"
    make_run([score("1", "a", "t", 0.5)]).publish(before)
    after = write_again(before, tmp_path / "after", value=0.7)
    (found,) = compare_runs(before, after).frame.to_dict("records")
    assert found["verdict"] == "not comparable"
    assert found["reason"] == "no predictions in this folder"
    assert found["difference"] == pytest.approx(0.2)


def test_where_lower_is_better_less_is_better(tmp_path):
    """Predictions that move from far to near: the mean absolute error goes down."""
    folder = write_run(
        tmp_path / "before",
        upstreams=["tera-960h"],
        tasks=["age"],
        corpora=(),
        layers=False,
        seeds=1,
    )
    after = write_again(folder, tmp_path / "after")
    predictions = pd.read_parquet(after / "predictions.parquet")
    mine = predictions["cell"].str.startswith("tera-960h")
    truth = predictions["truth"].astype(float)
    near = truth + np.where(np.arange(len(truth)) % 2, 0.01, -0.02)
    near = [repr(value) for value in near]
    predictions.loc[mine, "prediction"] = pd.Series(near, index=predictions.index)[mine]
    predictions.to_parquet(after / "predictions.parquet")
    scores = pd.read_parquet(after / "scores.parquet")
    better = (scores["upstream"] == "tera-960h") & (scores["metric"] == "mae")
    scores.loc[better & (scores["seed"] == "mean"), "value"] = 0.015
    scores.to_parquet(after / "scores.parquet")
    assert row(compare_runs(folder, after), "age", "tera-960h", "mae")["verdict"] == "better"
    assert row(compare_runs(after, folder), "age", "tera-960h", "mae")["verdict"] == "worse"


def test_every_format_holds_the_same_rows(runs):
    changes = compare_runs(*runs)
    csv = pd.read_csv(io.StringIO(render(changes, "csv")))
    data = json.loads(render(changes, "json"))
    assert len(csv) == len(data["rows"]) == len(changes.frame)
    assert [one["verdict"] for one in data["rows"]] == csv["verdict"].tolist()
    text = render(changes, "markdown")
    assert text.count("only in the first") >= 2
    assert summary(changes) in text
    with pytest.raises(ParalbenchError, match="'html' is not allowed"):
        render(changes, "html")


def test_published_figures_are_put_beside_a_run(tmp_path, repository):
    run = write_run(tmp_path / "run", upstreams=["wavlm-large"], tasks=["emotion"], corpora=())
    file = repository / "results" / "reference" / "paralbench-paper.csv"
    changes = compare_reference(run, file)
    found = row(changes, "emotion", "wavlm-large", "uar")
    assert found["first"] == 0.363
    assert found["difference"] == pytest.approx(found["second"] - 0.363)
    assert pd.isna(found["p_value"])
    assert found["verdict"] == "beside a published figure"
    assert "arXiv:2411.09349" in found["reason"]
    lacking = row(changes, "emotion", "emotion2vec-base", "wa")
    assert lacking["verdict"] == "only in the first"


def test_every_reference_names_what_there_is(repository):
    """Each row's upstream, task and metric exist, and its source is cited."""
    files = sorted((repository / "results" / "reference").glob("*.csv"))
    assert files
    for file in files:
        frame = read_reference(file)
        for one in frame.to_dict("records"):
            assert list(repository.glob(f"upstreams/**/{one['upstream']}.yaml")), one
            assert list(repository.glob(f"tasks/**/{one['task']}.yaml")), one
            metric = METRICS[one["metric"]]
            assert metric.range[0] <= one["value"] <= metric.range[1]
            assert one["source"]
            assert one["citation"]
        assert not frame.duplicated(["source", "upstream", "task", "metric"]).any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source,upstream\nx,y\n", "lacks the columns"),
        (
            "source,citation,upstream,task,metric,value,note\na,b,c,d,uar,many,\n",
            "line 2: value: 'many' is no number",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, words):
    file = tmp_path / "reference.csv"
    file.write_text(text)
    with pytest.raises(ParalbenchError, match=words):
        read_reference(file)


def test_the_command_compares_and_counts(runs, repository, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["paralbench", "compare", *map(str, runs)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "before (first) and after (second)" in shown
    assert "only in the second" in shown
    reference = repository / "results" / "reference" / "paralbench-paper.csv"
    argv = ["paralbench", "compare", str(runs[0]), str(reference), "--format", "csv"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit):
        main()
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["first"].tolist()[1] == 0.363
