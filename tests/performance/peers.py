"""How peers encode a corpus: transformers' models and s3prl's experts in plain loops.

Batches of a size in the order of the files, padded, the mask passed, every layer averaged over the
valid frames of each clip. Imports no audio library, so that it runs where only torch and
transformers are.
"""

import argparse
import tempfile
from contextlib import nullcontext
from pathlib import Path

import torch

from paralbench.torchaudio_cure import ensure_torchaudio

FRAME = 320  # samples


def groups(contents, size):
    """The contents in batches, in their order."""
    return (contents[start : start + size] for start in range(0, len(contents), size))


def half_precision(device, precision):
    """Autocast to bf16, or nothing, as users of transformers switch precision."""
    if precision == "bf16":
        return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
    return nullcontext()


def means(states, frames):
    """Every layer's mean over the valid frames of each clip, on the CPU."""
    stacked = [
        torch.stack([layer[row, :valid].mean(0) for layer in states])
        for row, valid in enumerate(frames)
    ]
    return torch.stack(stacked).float().cpu().numpy()


def transformers_loop(model, cache, size, device, precision):
    """A function that encodes contents with a wav2vec 2.0-like model or a Whisper encoder."""
    encode = _whisper if model.config.model_type == "whisper" else _wav2vec2

    def run(contents):
        with torch.inference_mode(), half_precision(device, precision):
            for group in groups(contents, size):
                encode(model, [cache.waveform(content) for content in group], device)

    return run


def _wav2vec2(model, waveforms, device):
    lengths = torch.tensor([len(one) for one in waveforms])
    batch = torch.zeros(len(waveforms), int(lengths.max()))
    for row, one in zip(batch, waveforms, strict=True):
        row[: len(one)] = torch.from_numpy((one - one.mean()) / (one.std() + 1e-7))
    mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
    frames = model._get_feat_extract_output_lengths(lengths).tolist()
    output = model(batch.to(device), attention_mask=mask.to(device), output_hidden_states=True)
    return means(output.hidden_states, frames)


def _whisper(model, waveforms, device):
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    with torch.autocast(torch.device(device).type, enabled=False):  # it makes numpy arrays
        features = extractor(waveforms, sampling_rate=16_000, return_tensors="pt").input_features
    output = model(features.to(device), output_hidden_states=True)
    return means(output.hidden_states, [-(-len(one) // FRAME) for one in waveforms])


def s3prl_loop(expert, cache, size, device, precision):
    """A function that encodes contents with an expert of s3prl."""

    def run(contents):
        with torch.inference_mode(), half_precision(device, precision):
            for group in groups(contents, size):
                waveforms = [torch.from_numpy(cache.waveform(one)).to(device) for one in group]
                states = expert(waveforms)["hidden_states"]
                means(states, [round(len(one) / FRAME) for one in waveforms])

    return run


def s3prl_expert(card):
    """s3prl's own implementation of a card's architecture, with random weights.

    Returns:
        Its expert, loaded from a checkpoint in s3prl's form; None where s3prl has no
        implementation of its own (Whisper) or is not installed.
    """
    ensure_torchaudio()
    given = card.architecture
    try:
        match given.get("model_type"):
            case "wav2vec2":
                from s3prl.upstream.wav2vec2.expert import UpstreamExpert
                from s3prl.upstream.wav2vec2.wav2vec2_model import Wav2Vec2Config, Wav2Vec2Model

                config = _fairseq(given)
                model = Wav2Vec2Model(Wav2Vec2Config(**config))
                state = {
                    "task_cfg": {"normalize": True},
                    "model_cfg": config,
                    "model_weight": model.state_dict(),
                }
            case "wavlm":
                from s3prl.upstream.wavlm.expert import UpstreamExpert
                from s3prl.upstream.wavlm.WavLM import WavLM, WavLMConfig

                config = _fairseq(given) | {
                    "normalize": True,
                    "relative_position_embedding": True,
                    "num_buckets": 320,
                    "max_distance": 800,
                    "gru_rel_pos": True,
                }
                model = WavLM(WavLMConfig(config))
                state = {"cfg": config, "model": model.state_dict()}
            case _:
                return None
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pt"
        with torch.serialization.safe_globals([argparse.Namespace]):
            torch.save(state, file)
            return UpstreamExpert(str(file)).eval()


def _fairseq(given):
    """An architecture in fairseq's words."""
    convolutions = list(
        zip(given["conv_dim"], given["conv_kernel"], given["conv_stride"], strict=True)
    )
    group = given["feat_extract_norm"] == "group"
    return {
        "extractor_mode": "default" if group else "layer_norm",
        "encoder_layers": given["num_hidden_layers"],
        "encoder_embed_dim": given["hidden_size"],
        "encoder_ffn_embed_dim": given["intermediate_size"],
        "encoder_attention_heads": given["num_attention_heads"],
        "layer_norm_first": given["do_stable_layer_norm"],
        "conv_bias": given["conv_bias"],
        "conv_feature_layers": str(convolutions),
        "conv_pos": given["num_conv_pos_embeddings"],
        "conv_pos_groups": given["num_conv_pos_embedding_groups"],
    }
