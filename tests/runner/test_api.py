"""The Python interface."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch

import paralbench
from paralbench.errors import AudioError, CorpusNotFoundError, UnknownNameError

FAST = {"recipes": ("paralbench", "majority"), "seeds": 2}


class Bands(torch.nn.Module):
    """Frames of 400 samples through a fixed projection: two layers of 8."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(400, 8, generator=generator) / 20)

    def forward(self, waveforms, lengths):
        frames = waveforms.unfold(1, 400, 200)
        first = (frames @ self.weight).abs().add(1e-6).log()
        return [first, first * 2]


def test_a_card_is_scored_and_the_tables_are_frames(cards):
    results = paralbench.evaluate("fbank", "voices-emotion", cards=[cards], **FAST)
    board = results.leaderboard.set_index("upstream")["value"]
    assert board["fbank"] > 0.95
    assert board["(majority)"] == 0.5
    assert set(results.predictions["utterance"].str[-9:]) >= {"ann_f_A_0"}
    assert results.failures.empty


def test_a_users_own_module_is_scored_beside_a_card(cards, tmp_path):
    results = paralbench.evaluate(
        [Bands(), "fbank"], ["voices-emotion"], cards=[cards], out=tmp_path / "run", **FAST
    )
    board = results.leaderboard.set_index("upstream")["value"]
    assert board["bands"] > 0.9
    assert {"bands", "fbank"} <= set(board.index)
    again = paralbench.evaluate(
        [Bands(), "fbank"], ["voices-emotion"], cards=[cards], out=tmp_path / "run", **FAST
    )
    pd.testing.assert_frame_equal(again.scores, results.scores)


def test_extracted_features_are_the_means_of_the_modules_frames(tmp_path):
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 0.1, n).astype(np.float32) for n in (4000, 9000)]
    for name, wave in zip("ab", waves, strict=True):
        sf.write(tmp_path / f"{name}.wav", wave, 16000, subtype="FLOAT")
    module = Bands()
    found = paralbench.extract(module, [tmp_path / "a.wav", tmp_path / "b.wav"])
    assert found.mean.shape == (2, 2, 8)
    with torch.inference_mode():
        for row, wave in zip(found.mean, waves, strict=True):
            layers = module(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))
            expected = torch.stack([layer[0].mean(0) for layer in layers]).numpy()
            np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


def test_an_unusable_file_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(AudioError, match=r"a\.wav: unreadable"):
        paralbench.extract(Bands(), [tmp_path / "a.wav"])


def test_names_are_checked_before_anything_is_done(cards):
    with pytest.raises(UnknownNameError, match="unknown task 'voices-emotio'"):
        paralbench.evaluate("fbank", "voices-emotio", cards=[cards])
    with pytest.raises(CorpusNotFoundError, match="nemo"):
        paralbench.evaluate("fbank", "nemo-emotion")
