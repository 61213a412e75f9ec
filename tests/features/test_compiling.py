"""Compiled blocks, with torch's tracing alone: no C++ compiler is needed for it."""

from itertools import chain

import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.compiling import compiled_blocks, pays
from paralbench.features.encoding import BatchEncoder
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.wav2vec2_like import Wav2Vec2LikeEncoder

CPU = torch.device("cpu")
SHAPES = [(8000, 5000), (9000, 9000, 3000), (4000,), (7000, 1000), (16_000, 800, 700, 600)]


def encoder_of(kind):
    ensure_torchaudio()
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}Model")(config).eval().requires_grad_(False)
    return Wav2Vec2LikeEncoder(model, do_normalize=True, window=30, weights_key="0" * 64)


@pytest.fixture
def graphs():
    """A backend that runs graphs as they were traced, and counts them."""
    torch.compiler.reset()
    traced = []

    def backend(graph, _):
        traced.append(graph)
        return graph.forward

    yield traced, backend
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Wav2Vec2", "WavLM"])
def test_one_compilation_serves_all_layers_and_shapes(kind, graphs):
    traced, backend = graphs
    encoder, random = encoder_of(kind), np.random.default_rng(0)
    batches = [[random.normal(size=n).astype(np.float32) for n in shape] for shape in SHAPES]
    local = BatchEncoder(encoder, CPU)
    with torch.inference_mode():
        plain = [local.encode(batch) for batch in batches]
        with compiled_blocks(encoder, backend):
            given = [local.encode(batch) for batch in batches]
            count = len(traced)
            assert 0 < count < len(SHAPES) * len(encoder.blocks)
            again = [local.encode(batch) for batch in batches]
            assert len(traced) == count
        assert all("forward" not in vars(block) for block in encoder.blocks)
    for ours in (given, again):
        for one, other in zip(chain(*ours), chain(*plain), strict=True):
            assert np.linalg.norm(one.mean - other.mean) <= 1e-5 * np.linalg.norm(other.mean)


def test_an_encoder_without_blocks_is_told(fakes):
    with (
        pytest.raises(ParalbenchError, match="ConvEncoder names no blocks"),
        compiled_blocks(fakes.ConvEncoder()),
    ):
        pass


def test_a_block_that_cannot_be_compiled_runs_as_it_is():
    def broken(_graph, _inputs):
        raise RuntimeError("no compiler here")

    torch.compiler.reset()
    encoder = encoder_of("Wav2Vec2")
    batch = [np.random.default_rng(0).normal(size=n).astype(np.float32) for n in (8000, 5000)]
    local = BatchEncoder(encoder, CPU)
    with torch.inference_mode():
        plain = local.encode(batch)
        with compiled_blocks(encoder, broken):
            given = local.encode(batch)
    torch.compiler.reset()
    for one, other in zip(given, plain, strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)


def test_compiling_is_for_long_work_on_a_gpu():
    hours = 420 * 3600  # MSP-Podcast's, roughly
    assert pays(37e9 * 10 * hours, "cuda:1")
    assert not pays(14e9 * hours / 100, "cuda")
    assert not pays(37e9 * 10 * hours, "cpu")
    assert not pays(None, "cuda")
