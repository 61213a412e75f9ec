"""Small checkpoints with the real structure and random weights, saved in their owners' format."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.wav2vec2_like import ARCHITECTURES

ensure_torchaudio()  # before transformers


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Transformers reports each shard it writes; progress bars are no test output."""
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import transformers

    transformers.utils.logging.disable_progress_bar()


@pytest.fixture(autouse=True)
def _no_lazy_modules() -> Iterator[None]:
    """Speechbrain leaves lazy modules behind, which fail when hypothesis looks at all modules."""
    yield
    for name, module in list(sys.modules.items()):
        if type(module).__module__ == "speechbrain.utils.importutils":
            del sys.modules[name]


@pytest.fixture
def make_card() -> Callable[..., UpstreamCard]:
    """``make_card(family, folder, id=..., **fields)``: a card whose weights lie in a folder."""

    def make(family: str, folder: Path | None = None, id: str = "tiny", **fields: Any):
        source = (
            {"source": "folder", "path": str(folder)} if folder is not None else {"source": "none"}
        )
        data = {"name": id, "family": family, "licence": "CC0-1.0", "weights": [source]}
        return UpstreamCard.build(data | fields, id=id)

    return make


@pytest.fixture
def save_speech_model(tmp_path) -> Callable[..., tuple[Any, Path]]:
    """``save_speech_model(model_type, **config)``: a small random encoder and its folder.

    The convolutions have their true kernels and strides (320 samples per frame); widths are small.
    ``preprocessor`` is the content of ``preprocessor_config.json``; None leaves it out.
    """
    import transformers

    def save(
        model_type: str,
        *,
        head: str | None = None,
        preprocessor: dict[str, Any] | None = {"do_normalize": True},  # noqa: B006 (not changed)
        **config: Any,
    ) -> tuple[Any, Path]:
        architecture = ARCHITECTURES[model_type]
        size: dict[str, Any] = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "num_conv_pos_embedding_groups": 4,
            "vocab_size": 8,
            "codevector_dim": 16,
            "proj_codevector_dim": 16,
        }
        if model_type == "data2vec-audio":
            size |= {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 19}
        else:
            size |= {"num_conv_pos_embeddings": 32}
        torch.manual_seed(0)
        kind = getattr(transformers, architecture.config)
        size["conv_dim"] = [16] * len(kind().conv_dim)
        settings = kind(**size | config)
        kind = architecture.model if head is None else architecture.model.replace("Model", head)
        model = getattr(transformers, kind)(settings).eval()
        folder = tmp_path / f"{model_type}-{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        if preprocessor is not None:
            (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
        return model, folder

    return save


@pytest.fixture
def save_whisper(tmp_path) -> Callable[..., tuple[Any, Path]]:
    """``save_whisper(seconds=1, **config)``: a small random Whisper with a short window."""
    import transformers

    def save(seconds: int = 1, **config: Any) -> tuple[Any, Path]:
        size: dict[str, Any] = {
            "d_model": 16,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 24,
            "decoder_layers": 1,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 24,
            "max_source_positions": 50 * seconds,
            "vocab_size": 32,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 3,
        }
        torch.manual_seed(0)
        model = transformers.WhisperForConditionalGeneration(
            transformers.WhisperConfig(**size | config)
        ).eval()
        folder = tmp_path / f"whisper-{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        extractor = transformers.WhisperFeatureExtractor(
            feature_size=model.config.num_mel_bins, chunk_length=seconds
        )
        extractor.save_pretrained(folder)
        return model, folder

    return save


@pytest.fixture
def save_moonshine(tmp_path) -> Callable[..., tuple[Any, Path]]:
    """``save_moonshine(**config)``: a small random Moonshine, whose norms are not trivial."""
    import transformers

    def save(**config: Any) -> tuple[Any, Path]:
        size: dict[str, Any] = {
            "hidden_size": 40,
            "intermediate_size": 48,
            "encoder_num_hidden_layers": 3,
            "decoder_num_hidden_layers": 1,
            "encoder_num_attention_heads": 4,
            "decoder_num_attention_heads": 4,
            "vocab_size": 32,
        }
        torch.manual_seed(0)
        model = transformers.MoonshineForConditionalGeneration(
            transformers.MoonshineConfig(**size | config)
        ).eval()
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.add_(0.1 * torch.randn(tensor.shape))
        folder = tmp_path / f"moonshine-{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        return model, folder

    return save


@pytest.fixture
def agrees() -> Callable[..., None]:
    """``agrees(family, other, difference, most)``: a relative difference is at most so much.

    Where $PARALBENCH_DIFFERENCES names a folder, the difference is kept there for `make exactness`.
    """

    def check(family: str, other: str, difference: float, most: float) -> None:
        folder = os.environ.get("PARALBENCH_DIFFERENCES")
        if folder:
            line = json.dumps([family, other, float(difference), most]) + "\n"
            with (Path(folder) / f"{os.getpid()}.jsonl").open("a") as stream:
                stream.write(line)
        assert difference <= most, f"{family} against {other}"

    return check


@pytest.fixture
def voice() -> Callable[[int, int], np.ndarray]:
    """``voice(samples, seed)``: noise with a slow envelope and an offset, float32."""

    def make(samples: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        envelope = 0.6 + 0.4 * np.sin(np.arange(samples) / 3000 + seed)
        return (0.1 * envelope * generator.standard_normal(samples) + 0.02).astype(np.float32)

    return make


@pytest.fixture
def pad() -> Callable[[list[np.ndarray]], tuple[torch.Tensor, torch.Tensor]]:
    """``pad(waveforms)``: a zero-padded batch ``(batch, samples)`` and its lengths."""

    def make(waveforms: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = torch.tensor([len(one) for one in waveforms])
        batch = torch.zeros(len(waveforms), int(lengths.max()))
        for row, one in zip(batch, waveforms, strict=True):
            row[: len(one)] = torch.from_numpy(one)
        return batch, lengths

    return make
