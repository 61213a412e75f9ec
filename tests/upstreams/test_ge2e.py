"""ge2e: embeddings that Resemblyzer 0.1.4 gives for the same weights and waveforms."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.ge2e import SpeakerLSTM, load, mel_stretches, stretch_starts

# Every sixteenth value of what Resemblyzer's VoiceEncoder.embed_utterance returned, by samples.
WITH_FORMULA_WEIGHTS = {
    8_000: [0.168352, 0, 0, 0.009528, 0, 0.134459, 0.04985, 0, 0.001996, 0, 0.048085, 0.135138, 0,
            0, 0.036714, 0],
    32_000: [0.168428, 0, 0, 0.019957, 0, 0.130837, 0.049331, 0, 0.014662, 0, 0.038146, 0.137215, 0,
             0, 0.042593, 0],
    84_800: [0.168759, 0, 0, 0.01481, 0, 0.132798, 0.050233, 0, 0.009421, 0, 0.043007, 0.136783, 0,
             0, 0.039048, 0],
}  # fmt: skip
WITH_ITS_OWN_WEIGHTS = {
    8_000: [0, 0.143605, 0.011457, 0.091542, 0.105905, 0, 0, 0, 0.018598, 0, 0.060348, 0, 0, 0,
            0.169303, 0.087694],
    32_000: [0, 0.067107, 0, 0.028209, 0.023468, 0, 0.009888, 0, 0.011966, 0.010446, 0.027686, 0, 0,
             0.012782, 0.049798, 0.056546],
    84_800: [0.009806, 0.121279, 0.022973, 0.125762, 0.022673, 0, 0.014526, 0, 0.037451, 0.098139,
             0.049815, 0.011574, 0.02917, 0.006002, 0.026065, 0.100982],
}  # fmt: skip
WHEEL = "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f"


def card(**changes) -> UpstreamCard:
    data = {
        "name": "GE2E",
        "family": "ge2e",
        "weights": [{"source": "folder", "path": "ge2e"}],
        "licence": "Apache-2.0",
        "window": 3600,
        **changes,
    }
    return UpstreamCard.build(data, id="ge2e")


def formula_weights() -> dict[str, torch.Tensor]:
    state = SpeakerLSTM().state_dict()
    return {
        name: (
            torch.cos(torch.arange(value.numel(), dtype=torch.float64) * (1.7 + 0.13 * i)) * 0.12
        )
        .reshape(value.shape)
        .float()
        for i, (name, value) in enumerate(state.items())
    }


def formula_waveform(samples: int) -> np.ndarray:
    t = np.arange(samples) / 16_000
    low = 0.2 * np.sin(2 * np.pi * (120 + 40 * t) * t) * (1 + np.sin(5 * t))
    return (low + 0.05 * np.sin(2 * np.pi * 1900 * t + 3 * np.sin(20 * t))).astype(np.float32)


def save(folder: Path, state: object) -> Path:
    """A checkpoint in the form of Resemblyzer's ``pretrained.pt``."""
    torch.save({"step": 1, "model_state": state, "optimizer_state": {}}, folder / "pretrained.pt")
    return folder


def embed(encoder: Encoder, waveform: np.ndarray) -> np.ndarray:
    states = encoder.forward(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    return states.layers[0][0, 0].numpy()


@pytest.mark.parametrize("samples", WITH_FORMULA_WEIGHTS)
def test_embeddings_are_those_of_resemblyzer(tmp_path, samples, agrees):
    encoder = load(card(dim=256), save(tmp_path, formula_weights()))
    row = embed(encoder, formula_waveform(samples))
    expected = np.array(WITH_FORMULA_WEIGHTS[samples])  # six digits of them
    difference = np.linalg.norm(row[::16] - expected) / np.linalg.norm(expected)
    agrees("ge2e", "Resemblyzer's values", difference, 1e-5)
    assert np.linalg.norm(row) == pytest.approx(1)


@pytest.mark.network
@pytest.mark.slow
def test_embeddings_with_the_published_weights_are_those_of_resemblyzer(kept_home):
    folder = kept_home / "resemblyzer"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "Resemblyzer-0.1.4-py3-none-any.whl"
    requirements = folder / "requirements.txt"
    requirements.write_text(f"Resemblyzer==0.1.4 --hash=sha256:{WHEEL}\n")
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, "-r", str(requirements)], check=True)
    with zipfile.ZipFile(wheel) as archive:
        (folder / "pretrained.pt").write_bytes(archive.read("resemblyzer/pretrained.pt"))
    encoder = load(card(), folder)
    for samples, expected in WITH_ITS_OWN_WEIGHTS.items():
        row = embed(encoder, formula_waveform(samples))
        np.testing.assert_allclose(row[::16], expected, atol=1e-5)


def test_the_embedding_by_hand(tmp_path):
    state = formula_weights()
    lstm = torch.nn.LSTM(40, 256, num_layers=3, batch_first=True)
    lstm.load_state_dict({n.removeprefix("lstm."): v for n, v in state.items() if "lstm" in n})
    waveform = formula_waveform(48_000)
    stretches = torch.from_numpy(mel_stretches(waveform))
    with torch.inference_mode():
        output, _ = lstm(stretches)
        parts = torch.relu(output[:, -1] @ state["linear.weight"].T + state["linear.bias"])
    parts = parts / parts.norm(dim=1, keepdim=True)
    mean = parts.mean(0)
    encoder = load(card(), save(tmp_path, state))
    np.testing.assert_allclose(embed(encoder, waveform), mean / mean.norm(), atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        (400, [0]),  # shorter than a stretch: the only one, filled with zeros
        (25_600, [0]),
        (31_000, [0]),  # the second stretch, from 0.77 s, is covered to 73 %
        (32_000, [0, 77]),  # to 77 %
        (60_000, [0, 77, 154, 231]),
    ],
)
def test_stretches_cover_the_utterance(samples, starts):
    assert stretch_starts(samples) == starts
    assert mel_stretches(np.zeros(samples, "f")).shape == (len(starts), 160, 40)


def test_the_volume_is_raised_to_minus_30_dbfs_and_never_lowered(tmp_path):
    encoder = load(card(), save(tmp_path, formula_weights()))
    quiet, loud = formula_waveform(16_000) * 0.01, formula_waveform(16_000)
    raised = encoder.prepare(quiet)
    assert 20 * np.log10(np.sqrt(np.mean(raised.astype("d") ** 2))) == pytest.approx(-30, abs=1e-4)
    assert raised.dtype == np.float32
    np.testing.assert_array_equal(encoder.prepare(loud), loud)
    np.testing.assert_array_equal(encoder.prepare(np.zeros(100, "f")), np.zeros(100, "f"))


def test_a_loaded_encoder_fits_the_contract(tmp_path):
    state = formula_weights()
    encoder = load(card(), save(tmp_path, {**state, "similarity_weight": torch.ones(1)}))
    assert isinstance(encoder, Encoder)
    long, short = formula_waveform(40_000), formula_waveform(9_000)
    batch = torch.zeros(2, 40_000)
    batch[0], batch[1, :9_000] = torch.from_numpy(long), torch.from_numpy(short)
    states = encoder.forward(batch, torch.tensor([40_000, 9_000]))
    assert states.layers[0].shape == (2, 1, 256)
    np.testing.assert_array_equal(states.layers[0][1, 0].numpy(), embed(encoder, short))
    assert np.isfinite(embed(encoder, np.zeros(8_000, "f"))).all()
    state["linear.bias"][0] += 1
    assert load(card(), save(tmp_path, state)).weights_key != encoder.weights_key


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"pretrained\.pt: no such file"):
        load(card(), tmp_path)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(card(), None)
    file = save(tmp_path, formula_weights()) / "pretrained.pt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"pretrained\.pt: truncated or damaged"):
        load(card(), tmp_path)
    file.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"pretrained\.pt: truncated or damaged"):
        load(card(), tmp_path)
    state = formula_weights()
    del state["linear.bias"]
    with pytest.raises(WeightsError, match=r"of another architecture(.|\n)*linear.bias"):
        load(card(), save(tmp_path, state))
    torch.save({"state": {}}, file)
    with pytest.raises(WeightsError, match="no 'model_state'"):
        load(card(), tmp_path)
    torch.save({"model_state": Path("/")}, file)
    with pytest.raises(WeightsError, match=r"more than tensors and plain data: pathlib\."):
        load(card(), tmp_path)


def test_options_are_refused(tmp_path):
    with pytest.raises(CardError, match=r"options.rate: unknown option"):
        load(card(options={"rate": 2.0}), tmp_path)
