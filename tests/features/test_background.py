import threading

import numpy as np
import pytest

from paralbench.features.background import in_background
from paralbench.features.extract import extract


def test_calls_are_made_in_order_in_one_other_thread():
    made = []
    with in_background(lambda n: made.append((n, threading.get_ident()))) as later:
        for number in range(50):
            later(number)
    assert [number for number, _ in made] == list(range(50))
    assert len({thread for _, thread in made} | {threading.get_ident()}) == 2


def test_the_caller_goes_on_until_enough_wait():
    hold, made = threading.Event(), []

    def call(number):
        hold.wait(10)
        made.append(number)

    with in_background(call, waiting=3) as later:
        for number in range(3):
            later(number)
        assert made == []
        hold.set()
    assert made == [0, 1, 2]


def hand_over(call, numbers, waiting=8, error=None):
    with in_background(call, waiting) as later:
        for number in numbers:
            later(number)
        if error is not None:
            raise error


def test_an_error_is_raised_later():
    def call(number):
        if number == 1:
            raise ValueError("the second")

    with pytest.raises(ValueError, match="the second"):
        hand_over(call, [0, 1, 2], waiting=1)
    with pytest.raises(ValueError, match="the second"):
        hand_over(call, [1])


def test_what_was_handed_over_is_done_also_after_an_error():
    made = []
    with pytest.raises(KeyboardInterrupt):
        hand_over(made.append, [1, 2], error=KeyboardInterrupt())
    assert made == [1, 2]


def test_an_extraction_that_writes_in_the_background_is_equal_to_the_bit(
    noise, store, description, fakes, monkeypatch
):
    def run(name):
        encoder = fakes.RoundingEncoder()
        report = extract(
            encoder, description | {"run": name}, noise.contents, noise.cache, store,
            token_budget=40_000, second_moments=True,
        )  # fmt: skip
        assert report.encoded == 40
        return report.space

    plain = run("a")
    monkeypatch.setattr("paralbench.features.extract._WRITES_ASIDE", ("cpu",))
    monkeypatch.setattr("paralbench.features.collecting.FLUSH_BYTES", 1000)
    aside = run("b")
    np.testing.assert_array_equal(aside.mean(noise.contents), plain.mean(noise.contents))
    np.testing.assert_array_equal(aside.moments(noise.contents), plain.moments(noise.contents))


def test_an_interrupt_keeps_what_was_encoded(noise, store, description, fakes, monkeypatch):
    monkeypatch.setattr("paralbench.features.extract._WRITES_ASIDE", ("cpu",))

    class Interrupted(fakes.ConvEncoder):
        def forward(self, waveforms, lengths):
            if len(self.batches) == 5:
                raise KeyboardInterrupt
            return super().forward(waveforms, lengths)

    with pytest.raises(KeyboardInterrupt):
        extract(
            Interrupted(), description, noise.contents, noise.cache, store, token_budget=100_000
        )
    encoder = fakes.ConvEncoder()
    report = extract(encoder, description, noise.contents, noise.cache, store, token_budget=100_000)
    assert report.reused > 0
    assert report.reused + report.encoded == 40
