"""The command line from cards to tables, on made-up voices."""

import json

import pandas as pd
import pytest
import soundfile as sf

from paralbench.tables import RunFolder

FAST = ("--seeds", "2", "--recipes", "paralbench,majority,duration")


def scores(out):
    frame = RunFolder(out).read("scores")
    kept = frame[(frame["fold"] == "all") & (frame["seed"] == "mean") & (frame["metric"] == "uar")]
    return {(row.upstream, row.recipe, row.task): row.value for row in kept.itertuples()}


@pytest.fixture(scope="module")
def finished(cards, tmp_path_factory):
    """A run of two upstreams (one of them broken) in a home of its own."""
    import os
    import subprocess
    import sys

    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "paralbench", "run", "--cards", str(cards), "--out", str(out)]
    command += ["--upstreams", "fbank,broken", "--tasks", "voices-emotion", *FAST]
    done = subprocess.run(
        command,
        env={**os.environ, "PARALBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return home, out, done


def test_a_run_finds_what_can_be_heard_and_its_floors_do_not(finished):
    _, out, _ = finished
    found = scores(out)
    assert found["fbank", "paralbench", "voices-emotion"] > 0.95
    assert found["none", "majority", "voices-emotion"] == 0.5
    assert found["none", "duration", "voices-emotion"] < 0.8


def test_a_failed_upstream_is_a_row_with_its_reason_and_the_rest_runs(finished):
    _, out, done = finished
    assert done.returncode == 1
    (row,) = RunFolder(out).read("failures").itertuples()
    assert (row.stage, row.error) == ("weights", "WeightsError")
    assert "nowhere" in row.message
    assert "1 failed" in done.stderr


def test_the_second_run_encodes_nothing_and_changes_nothing(finished, paralbench, cards):
    home, out, _ = finished
    before = RunFolder(out).read("scores")
    arguments = ["--upstreams", "fbank", "--tasks", "voices-emotion", *FAST]
    done = paralbench("run", "--cards", cards, "--out", out, *arguments, home=home, check=0)
    assert "0 cells run, 3 already there, 0 failed; 0 utterances encoded" in done.stderr
    pd.testing.assert_frame_equal(RunFolder(out).read("scores"), before)


def test_the_same_seed_on_a_clean_store_gives_identical_scores(
    finished, paralbench, cards, tmp_path
):
    _, out, _ = finished
    arguments = ["--upstreams", "fbank", "--tasks", "voices-emotion", *FAST]
    paralbench("run", "--cards", cards, "--out", tmp_path / "again", *arguments, check=0)
    again = RunFolder(tmp_path / "again").read("scores")
    pd.testing.assert_frame_equal(again, RunFolder(out).read("scores"))


def test_every_prediction_is_there_once_per_seed(finished):
    _, out, _ = finished
    frame = RunFolder(out).read("predictions")
    probe = frame[frame["cell"].str.startswith("fbank")]
    assert len(probe) == 2 * 36
    assert not probe.duplicated(["seed", "utterance"]).any()
    shares = probe[["probability anger", "probability neutral"]].sum(axis=1)
    assert shares.round(6).eq(1).all()
    # Leave one speaker out: the fold that tested an utterance is named for its speaker.
    assert (probe["fold"] == probe["speaker"]).all()


def test_the_leaderboard_comes_in_every_format(finished, paralbench, command_line):
    _, out, _ = finished
    table = paralbench("leaderboard", out, check=0).stdout
    assert "fbank" in table
    assert "broken on voices-emotion: failed" in table
    data = command_line("leaderboard", out, "--format", "json").json
    assert data[0]["rows"][0]["upstream"] == "fbank"
    assert "| fbank |" in command_line("leaderboard", out, "--format", "markdown").out
    refused = paralbench("leaderboard", out, "--format", "xlsx", check=2)
    assert "Allowed: table, csv, markdown, json" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_speaker_on_both_sides_is_refused_unless_allowed_and_then_stamped(
    command_line, cards, tmp_path
):
    arguments = ["--cards", cards, "--out", tmp_path / "run", "--upstreams", "fbank"]
    arguments += ["--tasks", "voices-leaky", "--recipes", "majority"]
    refused = command_line("run", *arguments, check=1)
    assert "LeakageError" in RunFolder(tmp_path / "run").read("failures")["error"].tolist()
    assert "speaker" in refused.err
    command_line("run", *arguments, "--allow-leakage", check=0)
    assert set(RunFolder(tmp_path / "run").read("scores")["leakage"]) == {"speaker"}


def test_a_dry_run_prints_the_plan_and_writes_nothing(command_line, cards, tmp_path):
    out = tmp_path / "run"
    arguments = ["--upstreams", "fbank,broken", "--tasks", "voices-emotion"]
    done = command_line("run", "--cards", cards, "--out", out, *arguments, "--dry-run", check=0)
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert rows["voices"][:4] == ["voices", "36", "108", "s"]
    assert rows["fbank"][1:6] == ["1", "36", "0", "108", "s"]
    assert "broken: not measured: " in done.out
    data = json.loads(
        command_line(
            "run", "--cards", cards, "--out", out, *arguments, "--dry-run", "--json", check=0
        ).out
    )
    assert [one["clips"] for one in data["upstreams"]] == [0, 36, 36]  # floors first
    assert not out.exists()


def test_requests_that_are_wrong_say_what_is_allowed(command_line, cards, tmp_path):
    run = ["run", "--cards", cards, "--out", tmp_path / "run"]
    task = ["--tasks", "voices-emotion"]
    for arguments, message in (
        ([*run, "--upstreams", "fbnk", *task], "unknown upstream 'fbnk'. Did you mean 'fbank'?"),
        ([*run, "--upstreams", "fbank", "--tasks", "voice-emotion"], "unknown task"),
        ([*run, "--upstreams", "fbank", *task, "--precision", "fp8"], "Allowed: auto, fp32"),
        ([*run, "--upstreams", "fbank", *task, "--device", "tpu"], "Allowed: auto, cpu"),
        ([*run, "--upstreams", "fbank", *task, "--devices", "cpu,mps:3"], "is not here"),
        ([*run, "--upstreams", "fbank", *task, "--address", "auto"], "for the executor 'ray'"),
        ([*run, "--upstreams", "fbank", *task, "--store", "s3://b/x"], "for the executor 'ray'"),
        ([*run, "--upstreams", "fbank", *task, "--recipes", "magic"], "unknown recipe 'magic'"),
        ([*run, "--upstreams", "fbank", *task, "--root", "voices"], "write --root ID=DIR"),
        ([*run, "--upstreams", "fbank", *task, "--root", "voices=/nowhere"], "no folder /nowhere"),
        (["run", "--out", tmp_path / "run"], "give --suite, or --upstreams with --tasks"),
        ([*run, "--upstreams", "fbank", "--tasks", "nemo-emotion"], "nemo"),
        (["leaderboard", tmp_path], "no run here"),
        (["show", "nothing"], "unknown card 'nothing'"),
    ):
        done = command_line(*arguments)
        assert done.code == 2, (arguments, done.out, done.err)
        assert message in done.err, (arguments, done.err)
    assert not (tmp_path / "run" / "scores").exists()


def test_bad_audio_is_left_out_counted_and_the_rest_runs(command_line, cards, tmp_path):
    import shutil

    mine = tmp_path / "cards"
    shutil.copytree(cards, mine)
    (mine / "clips" / "ann_f_A_0.wav").write_bytes(b"not audio")
    silence = mine / "clips" / "bea_f_N_1.wav"
    sf.write(silence, [0.0] * 8000, 16000)
    (mine / "clips" / "cat_f_X_0.wav").write_bytes(silence.read_bytes())  # fits no pattern
    arguments = ["--cards", mine, "--out", tmp_path / "run", "--upstreams", "fbank"]
    command_line("run", *arguments, "--tasks", "voices-emotion", *FAST, check=0)
    run = RunFolder(tmp_path / "run")
    audit = run.read("audit").drop_duplicates(["utterance", "reason"])
    left_out = dict(zip(audit["utterance"], audit["reason"], strict=True))
    assert {(name.rsplit("/")[-1], why) for name, why in left_out.items()} == {
        ("ann_f_A_0", "unreadable"),
        ("bea_f_N_1", "silent"),
        ("cat_f_X_0", "extra"),
    }
    whole = run.read("scores").query("fold == 'all' and group.isna() and `class`.isna()")
    assert set(whole["n_utterances"]) == {34}


def test_a_limit_takes_equal_shares_of_the_classes(command_line, cards, tmp_path):
    arguments = ["--upstreams", "fbank", "--tasks", "voices-emotion", "--limit", "12"]
    out = tmp_path / "run"
    command_line(
        "run", "--cards", cards, "--out", out, *arguments, "--recipes", "majority", check=0
    )
    truth = RunFolder(out).read("predictions")["truth"]
    assert truth.value_counts().to_dict() == {"anger": 6, "neutral": 6}


def test_speaker_normalisation_is_refused_where_the_label_is_the_speakers(
    command_line, cards, tmp_path
):
    arguments = ["--cards", cards, "--out", tmp_path / "run", "--upstreams", "fbank"]
    arguments += ["--recipes", "paralbench", "--normalisations", "speaker", "--seeds", "1"]
    command_line("run", *arguments, "--tasks", "voices-gender,voices-emotion", check=1)
    run = RunFolder(tmp_path / "run")
    (failure,) = run.read("failures").itertuples()
    assert "the label is the same in all utterances of each speaker" in failure.message
    rows = run.read("scores")
    assert set(rows["task"]) == {"voices-emotion"}
    assert rows["transductive"].all()
