"""FunASR's own hidden states of a small emotion2vec, written as the reference of our tests.

FunASR asks for dozens of packages that its emotion2vec does not use, so it is no dependency of the
tests. With ``pip install --no-deps funasr==1.4.16`` and omegaconf at hand, this writes the
reference anew, and ``test_emotion2vec.py`` compares with FunASR itself:

    python tests/upstreams/reference/make_emotion2vec.py

Weights and waveform come from numpy's frozen legacy generator, so they need not be stored.
"""

import contextlib
import importlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

VERSION = "1.4.16"  # of FunASR, which wrote the reference
FILE = Path(__file__).with_name("emotion2vec.json")
SAMPLES = 4_000


def model_conf(heads=6, scale_per_head=True):
    """``model_conf`` of a small emotion2vec in the words of the published ``config.yaml``."""
    audio = {
        "type": "AUDIO",
        "prenet_depth": 2,
        "prenet_layerdrop": 0.05,
        "prenet_dropout": 0.1,
        "start_drop_path_rate": 0.0,
        "end_drop_path_rate": 0.0,
        "num_extra_tokens": 10,
        "init_extra_token_zero": True,
        "local_grad_mult": 1.0,
        "use_alibi_encoder": True,
        "alibi_scale": 1.0,
        "learned_alibi": False,
        "alibi_max_pos": None,
        "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": scale_per_head,
        "learned_alibi_scale_per_layer": False,
        "num_alibi_heads": heads,
        "model_depth": 3,
        "decoder": None,
        "extractor_mode": "layer_norm",
        "feature_encoder_spec": "[(12, 10, 5)] + [(12, 3, 2)] * 4 + [(12,2,2)] + [(12,2,2)]",
        "conv_pos_width": 95,
        "conv_pos_groups": 16,
        "conv_pos_depth": 5,
        "conv_pos_pre_ln": False,
    }
    return {
        "depth": 3,
        "start_drop_path_rate": 0.0,
        "end_drop_path_rate": 0.0,
        "num_heads": heads,
        "norm_eps": 1e-05,
        "norm_affine": True,
        "encoder_dropout": 0.1,
        "post_mlp_drop": 0.1,
        "attention_dropout": 0.1,
        "activation_dropout": 0.0,
        "dropout_input": 0.0,
        "layerdrop": 0.05,
        "embed_dim": 48,
        "mlp_ratio": 4.0,
        "layer_norm_first": False,
        "end_of_block_targets": False,
        "normalize": True,
        "modalities": {"audio": audio},
    }


def random_weights(shapes):
    """Weights by name, float32, from name and shape alone; none of them is at its initial value."""
    generator = np.random.RandomState(0)
    return {
        name: generator.standard_normal(shapes[name]).astype(np.float32) * 0.3
        + (1.0 if "norm" in name or "scale" in name else 0.0)
        for name in sorted(shapes)
    }


def waveform(samples=SAMPLES):
    """Noise with an offset ``(samples,)``, float32."""
    noise = np.random.RandomState(1).standard_normal(samples)
    return (0.1 * noise + 0.02).astype(np.float32)


def funasr_is_here():
    return all(importlib.util.find_spec(name) for name in ("funasr", "omegaconf"))


@contextlib.contextmanager
def funasr_class():
    """FunASR's ``Emotion2vec``, without FunASR's start, which imports all of its models."""
    package = ModuleType("funasr")
    package.__path__ = list(importlib.util.find_spec("funasr").submodule_search_locations)
    audio = ModuleType("funasr.utils.load_utils")  # reads files, which is not needed
    audio.load_audio_text_image_video = None
    before = set(sys.modules)
    sys.modules |= {"funasr": package, audio.__name__: audio}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield importlib.import_module("funasr.models.emotion2vec.model").Emotion2vec
    finally:
        for name in {name for name in sys.modules if name.split(".")[0] == "funasr"} - before:
            del sys.modules[name]


def funasr_model(conf):
    """FunASR's model with :func:`random_weights`, and those weights."""
    import torch

    with funasr_class() as kind:
        model = kind(model_conf=conf).eval()
    shapes = {name: tuple(one.shape) for name, one in model.state_dict().items()}
    weights = random_weights(shapes)
    model.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
    return model, weights


def funasr_layers(model, waveforms, padding_mask=None):
    """Layer 0 and the blocks' outputs ``(batch, frames, dim)``, and what FunASR returns."""
    import torch

    seen = []

    def keep(_module, _inputs, output):
        seen.append(output[0] if isinstance(output, tuple) else output)

    audio = model.modality_encoders["AUDIO"]
    modules = [audio.context_encoder.norm, *audio.context_encoder.blocks, *model.blocks]
    hooks = [module.register_forward_hook(keep) for module in modules]
    with torch.inference_mode():
        found = model.extract_features(waveforms, padding_mask=padding_mask)["x"]
    for hook in hooks:
        hook.remove()
    extra = audio.modality_cfg.num_extra_tokens
    return [one[:, extra:] for one in seen], found


def main():
    import torch

    model, weights = funasr_model(model_conf())
    heard = torch.from_numpy(waveform())
    heard = torch.nn.functional.layer_norm(heard, heard.shape)[None]
    layers, found = funasr_layers(model, heard)
    content = {
        "funasr": VERSION,
        "shapes": {name: weights[name].shape for name in sorted(weights)},
        "layers": [_digits(one) for one in layers],
        "found": _digits(found),
    }
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def _digits(layer):
    """The one waveform's frames as nested lists, with all the digits that float32 has."""
    return [[float(f"{value:.9g}") for value in frame] for frame in layer[0].tolist()]


if __name__ == "__main__":
    main()
