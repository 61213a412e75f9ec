import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.encoding import is_out_of_memory
from paralbench.features.extract import extract


@pytest.fixture
def run(noise, store, description):
    return lambda encoder, **options: extract(
        encoder, description, noise.contents, noise.cache, store, **options
    )


def test_batches_shrink_until_they_fit_and_nothing_is_lost(run, noise, fakes, tmp_path):
    encoder = fakes.SmallMemoryEncoder()
    report = run(encoder, token_budget=10**9)
    assert report.encoded == 40
    assert report.back_offs == encoder.refused > 0
    plain = fakes.ConvEncoder()
    for content in noise.contents[::7]:
        alone = fakes.frames_of(plain, noise.waveforms[content]).mean(1)
        np.testing.assert_allclose(report.space.mean([content])[0], alone, rtol=1e-5, atol=1e-5)


def test_later_batches_do_not_run_out_of_memory_again(run, fakes):
    """All batches cost 240,000 samples; only the first one is tried and refused."""
    encoder = fakes.SmallMemoryEncoder(limit=130_000)
    report = run(encoder, token_budget=240_000)
    assert encoder.refused == 1
    assert report.encoded == 40


def test_one_utterance_that_does_not_fit_is_an_error_that_keeps_the_rest(run, fakes):
    encoder = fakes.SmallMemoryEncoder(limit=31_000)
    with pytest.raises(ParalbenchError, match=r"out of memory on cpu with one waveform of 2\.0 s"):
        run(encoder)
    assert run(fakes.SmallMemoryEncoder(limit=32_000)).encoded == 40


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("memory"), False),
    ],
)
def test_which_errors_say_that_memory_ran_out(error, wanted):
    assert is_out_of_memory(error) is wanted


def test_what_torch_really_raises_is_recognised():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50)
    assert is_out_of_memory(raised.value)


def test_another_error_of_the_encoder_is_not_taken_for_it(run, fakes):
    class Wrong(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(Wrong())
