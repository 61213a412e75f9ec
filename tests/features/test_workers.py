import functools

import numpy as np
import pytest

from paralbench.errors import ParalbenchError
from paralbench.features.extract import extract


@pytest.fixture
def run(noise, store, description):
    return lambda encoder, **options: extract(
        encoder, description, noise.contents, noise.cache, store, **options
    )


def test_processes_give_what_one_process_gives(run, noise, fakes, tmp_path, description):
    """The encoder's last dimension says whether another process computed it."""
    loader = functools.partial(fakes.FunctionalsEncoder, fakes.FunctionalsEncoder.home)
    report = run(None, loader=loader, workers=2, second_moments=True)
    assert report.encoded == 40
    means = report.space.mean(noise.contents)
    assert (means[..., -1] == 1).all()
    plain = fakes.ConvEncoder()
    alone = np.stack(
        [fakes.frames_of(plain, noise.waveforms[content]).mean(1) for content in noise.contents]
    )
    np.testing.assert_allclose(means[..., :-1], alone[..., :-1], rtol=1e-6, atol=1e-6)


def test_a_process_that_dies_is_an_error_that_says_what_to_do(run, fakes):
    loader = functools.partial(fakes.DyingEncoder, fakes.DyingEncoder.home)
    with pytest.raises(ParalbenchError, match=r"worker processes died.*fewer workers"):
        run(None, loader=loader, workers=2)


def test_processes_are_for_single_encoders_on_the_cpu(run, fakes):
    with pytest.raises(ParalbenchError, match=r"batching 'single' \(this one: 'any'\)"):
        run(None, loader=fakes.ConvEncoder, workers=2)
    with pytest.raises(ParalbenchError, match="need a loader"):
        run(fakes.FunctionalsEncoder(), workers=2)
