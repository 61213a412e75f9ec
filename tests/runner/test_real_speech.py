"""Real speech through the whole of it; needs the shared corpora."""

from paralbench.tables import RunFolder


def test_emotion_and_gender_of_urdu_talk_shows_are_above_their_floors(
    paralbench, shared_corpora, tmp_path
):
    arguments = ["--root", f"urdu={shared_corpora / 'urdu'}", "--upstreams", "fbank"]
    arguments += ["--tasks", "urdu-emotion,urdu-gender", "--seeds", "2"]
    paralbench("run", "--out", tmp_path / "run", *arguments, check=0)
    run = RunFolder(tmp_path / "run")
    frame = run.read("scores")
    kept = frame[(frame["fold"] == "all") & (frame["seed"] == "mean") & (frame["metric"] == "uar")]
    uar = {(row.task, row.recipe): row for row in kept.itertuples()}
    # A plain logistic regression on the same statistics reaches .66 on emotion.
    assert uar["urdu-emotion", "paralbench"].value > 0.5
    assert uar["urdu-emotion", "majority"].value == 0.25
    assert uar["urdu-gender", "paralbench"].value > 0.6
    assert uar["urdu-emotion", "paralbench"].n_speakers == 29
    assert uar["urdu-emotion", "paralbench"].interval_method.startswith("speaker-")
    assert set(frame["leakage"]) == {""}


def test_verify_says_what_a_subset_lacks(paralbench, shared_corpora):
    done = paralbench("corpora", "verify", "nemo", "--root", shared_corpora / "nemo", check=0)
    assert "1148" in done.stdout.replace(",", "")
    assert "4481" in done.stdout.replace(",", "")
