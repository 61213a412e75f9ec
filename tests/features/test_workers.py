import functools

import numpy as np
import pytest

from paralbench.errors import ParalbenchError
from paralbench.features.extract import extract
from paralbench.features.workers import Trial


@pytest.fixture
def at_once(monkeypatch):
    """Processes are started after the second utterance, whatever it took."""
    monkeypatch.setattr("paralbench.features.workers._TRIAL_SECONDS", 0.0)
    monkeypatch.setattr("paralbench.features.workers.WORTH_SECONDS", 0.0)


@pytest.fixture
def run(noise, store, description):
    return lambda encoder, **options: extract(
        encoder, description, noise.contents, noise.cache, store, **options
    )


def test_processes_give_what_one_process_gives(run, noise, fakes, at_once):
    """The encoder's last dimension says whether another process computed it."""
    loader = functools.partial(fakes.FunctionalsEncoder, fakes.FunctionalsEncoder.home)
    report = run(None, loader=loader, workers=2, second_moments=True)
    assert report.encoded == 40
    means = report.space.mean(noise.contents)
    assert (means[:, 0, -1] == 1).sum() == 38
    plain = fakes.ConvEncoder()
    alone = np.stack(
        [fakes.frames_of(plain, noise.waveforms[content]).mean(1) for content in noise.contents]
    )
    np.testing.assert_allclose(means[..., :-1], alone[..., :-1], rtol=1e-6, atol=1e-6)


def test_a_process_that_dies_is_an_error_that_says_what_to_do(run, fakes, at_once):
    loader = functools.partial(fakes.DyingEncoder, fakes.DyingEncoder.home)
    with pytest.raises(ParalbenchError, match=r"worker processes died.*fewer workers"):
        run(None, loader=loader, workers=2)


def test_processes_are_for_single_encoders_on_the_cpu(run, fakes):
    with pytest.raises(ParalbenchError, match=r"batching 'single' \(this one: 'any'\)"):
        run(None, loader=fakes.ConvEncoder, workers=2)
    with pytest.raises(ParalbenchError, match=r"fp32 \(given: bf16\)"):
        run(None, loader=fakes.FunctionalsEncoder, workers=2, precision="bf16")
    with pytest.raises(ParalbenchError, match="need a loader"):
        run(fakes.FunctionalsEncoder(), workers=2)


def test_little_work_is_done_here(run, noise, fakes):
    loader = functools.partial(fakes.DyingEncoder, fakes.DyingEncoder.home)
    assert run(None, loader=loader, workers=2).encoded == 40


def test_processes_are_started_when_the_rest_takes_long():
    trial = Trial()
    trial.add(1000, 60.0)  # the first batch, which compiles
    assert not trial.worth_processes(10**9)
    trial.add(1000, 0.5)
    assert not trial.worth_processes(10**9)  # too little seen
    trial.add(4000, 2.0)
    assert not trial.worth_processes(79_000)
    assert trial.worth_processes(81_000)
