"""One of the processes that encode is killed: the call says so, and the next goes on."""

import functools
import multiprocessing
import os
import signal

import numpy as np
import pytest
from tests.features import conftest as features

from paralbench.errors import ParalbenchError
from paralbench.features import collecting, workers
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore

fakes, noise, description = features.fakes, features.noise, features.description


@pytest.mark.slow
def test_a_worker_is_killed(noise, fakes, description, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_TRIAL_SECONDS", 0.0)
    monkeypatch.setattr(workers, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(collecting, "FLUSH_SECONDS", 0.0)
    loader = functools.partial(fakes.FunctionalsEncoder, fakes.FunctionalsEncoder.home)
    killed = []

    def kill_one(done, _total):
        children = multiprocessing.active_children()
        if children and not killed:
            killed.append(children[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    def run(folder, **more):
        return extract(
            None,
            description,
            noise.contents,
            noise.cache,
            FeatureStore(tmp_path / folder),
            loader=loader,
            **more,
        )

    with pytest.raises(ParalbenchError, match=r"worker processes died.*What was extracted is kept"):
        run("disturbed", workers=2, progress=kill_one)
    assert killed
    report = run("disturbed", workers=2)
    assert 0 < report.reused < 40
    assert report.encoded + report.reused == 40
    alone = run("alone", threads=1)
    # The last dimension says whether another process computed it.
    np.testing.assert_array_equal(
        report.space.mean(noise.contents)[..., :-1], alone.space.mean(noise.contents)[..., :-1]
    )
    np.testing.assert_array_equal(
        report.space.frames(noise.contents), alone.space.frames(noise.contents)
    )
