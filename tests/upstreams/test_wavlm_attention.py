"""WavLM's fused attention, against transformers' own."""

import copy

import pytest
import torch
import transformers

from paralbench.upstreams.wavlm_attention import fuse_attention


@pytest.fixture(params=[False, True], ids=["base", "large"])
def models(request):
    """transformers' model, and the same with fused attention; positions weigh in both."""
    config = transformers.WavLMConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=[8] * 7,
        num_buckets=32,
        max_bucket_distance=80,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer",
        do_stable_layer_norm=request.param,
    )
    torch.manual_seed(0)
    plain = transformers.WavLMModel(config).eval().requires_grad_(False)
    plain.encoder.layers[0].attention.rel_attn_embed.weight.normal_()
    for layer in plain.encoder.layers:
        layer.attention.gru_rel_pos_linear.weight.normal_()
        layer.attention.gru_rel_pos_const.normal_()
    fused = copy.deepcopy(plain)
    fuse_attention(fused)
    return plain, fused


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.parametrize("padded", [False, True])
@torch.inference_mode()
def test_it_is_transformers(models, padded):
    plain, fused = models
    generator = torch.Generator().manual_seed(0)
    lengths = [16_000, 9000, 400] if padded else [16_000] * 3
    waveforms = torch.randn(3, 16_000, generator=generator)
    mask = (torch.arange(16_000) < torch.tensor(lengths)[:, None]).long() if padded else None
    wanted = plain(waveforms, attention_mask=mask, output_hidden_states=True).hidden_states
    given = fused(waveforms, attention_mask=mask, output_hidden_states=True).hidden_states
    assert len(given) == len(wanted) == 4
    for one, other in zip(given, wanted, strict=True):
        for row, length in enumerate(lengths):
            frames = (length - 400) // 320 + 1
            error = (one[row, :frames] - other[row, :frames]).norm() / other[row, :frames].norm()
            assert error < 1e-5


@torch.inference_mode()
def test_the_positions_matter_here(models):
    """Else the test above would not see them."""
    _, fused = models
    waveforms = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    before = fused(waveforms).last_hidden_state
    fused.encoder.layers[0].attention.rel_attn_embed.weight.zero_()
    after = fused(waveforms).last_hidden_state
    assert (before - after).norm() > 1e-3 * before.norm()
