"""The scripts that measure extraction and decoding, run; the figures are written by the scripts."""

import numpy as np
import pytest
from tests.performance import extract


def test_made_up_lengths_are_like_msp_podcast_s():
    seconds = extract.msp_podcast_lengths(20_000) / 16_000
    assert 2.75 <= seconds.min() < 2.8
    assert 10 < seconds.max() <= 11
    assert seconds.mean() == pytest.approx(5.7, abs=0.05)
    np.testing.assert_array_equal(
        extract.msp_podcast_lengths(9, seed=1), extract.msp_podcast_lengths(9, seed=1)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of transformers and s3prl, in their own loops
def test_extraction_of_small_models_beside_their_peers():
    rows = extract.main(["--shrunk", "--clips", "3", "--threads", "1", "--precisions", "fp32"])
    measures = [row["measure"] for row in rows]
    for id in extract.UPSTREAMS:
        of_it = [measure for measure in measures if measure.startswith(id)]
        assert sum("transformers" in measure for measure in of_it) == 1
        assert sum("s3prl" in measure for measure in of_it) == (id != "whisper-small")
        assert sum("share of the rate" in measure for measure in of_it) == 1
    assert all(row["ours"] > 0 for row in rows)


@pytest.mark.slow
def test_decoding(monkeypatch, tmp_path):
    from tests.performance import decoding, table

    monkeypatch.setattr(table, "FOLDER", tmp_path)
    monkeypatch.setattr(decoding, "CLIPS", 2)
    monkeypatch.setattr(decoding, "ROUNDS", 1)
    rows = decoding.main()
    assert len(rows) == 2 * len(decoding.FORMATS) + 4
    assert all(row["ours"] > 0 and row["baseline"] > 0 for row in rows)
    assert (tmp_path / "decoding.csv").read_text().count("\n") == len(rows) + 1
