"""The same weights through torchaudio's own models, which it wrote against fairseq's.

``import_huggingface_model`` carries the weights over. torchaudio hands out each layer's output, in
every model before the encoder's final LayerNorm. What enters the first layer is layer 0 here, and
what its encoder gives in the end (normalised at last where the residual stream is not) is layer L.
"""

import pytest
import torch

from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.wav2vec2_like import load

GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
MODELS = {
    "hubert-base": ("hubert", GROUP),
    "hubert-large": ("hubert", LAYER),
    "wav2vec2-base": ("wav2vec2", GROUP),
    "wav2vec2-large": ("wav2vec2", LAYER),
    "wavlm-base": ("wavlm", GROUP),
    "wavlm-large": ("wavlm", LAYER),
}


def torchaudio_layers(model, waveform):
    """Inputs of torchaudio's first layer, outputs of all but the last, and the encoder's output."""
    seen = []
    first = model.encoder.transformer.layers[0]
    hook = first.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        inner, _ = model.extract_features(waveform)
        last, _ = model(waveform)
    hook.remove()
    return [seen[0], *inner[:-1], last]


@pytest.mark.parametrize("samples", [4000, 9123])
@pytest.mark.parametrize("kind", MODELS)
def test_every_layer_is_torchaudios(kind, samples, save_speech_model, make_card, voice, agrees):
    ensure_torchaudio()
    from torchaudio.models.wav2vec2.utils import import_huggingface_model

    model_type, config = MODELS[kind]
    original, folder = save_speech_model(model_type, **config)
    reference = import_huggingface_model(original).eval()
    encoder = load(make_card("wav2vec2-like", folder), folder)
    waveform = torch.from_numpy(encoder.prepare(voice(samples, 4)))[None]

    given = encoder.forward(waveform, torch.tensor([samples])).layers
    expected = torchaudio_layers(reference, waveform)
    assert len(given) == len(expected) == encoder.n_layers
    for one, other in zip(given, expected, strict=True):
        assert one.shape == other.shape
        agrees("wav2vec2-like", "torchaudio", (one - other).norm() / other.norm(), 1e-4)
