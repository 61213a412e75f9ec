import pytest
from hypothesis import given
from hypothesis import strategies as st

from paralbench.errors import ParalbenchError
from paralbench.features.windows import windows


@given(st.integers(1, 10_000), st.integers(1, 500), st.data())
def test_windows_tile_the_utterance_in_near_equal_parts(samples, window, data):
    least = data.draw(st.integers(1, max(1, window // 2)))
    cut = windows(samples, window, least)
    if samples < least:
        assert cut == []
        return
    assert [start for start, _ in cut] == [0, *(end for _, end in cut[:-1])]
    assert cut[-1][1] == samples
    sizes = {end - start for start, end in cut}
    assert max(sizes) <= window
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= least
    assert len(cut) == -(-samples // window)


def test_an_utterance_that_fits_is_one_window():
    assert windows(480_000, 480_000, 400) == [(0, 480_000)]
    assert windows(480_001, 480_000, 400) == [(0, 240_001), (240_001, 480_001)]


def test_a_window_too_small_for_the_encoder_is_refused():
    with pytest.raises(ParalbenchError, match="at least 800 samples"):
        windows(1001, 500, 400)
