"""Batches under way on a device, with a stand-in for a device that answers late."""

import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.batching import Piece
from paralbench.features.encoding import BatchEncoder, Reader, padded, read_ahead
from paralbench.features.overlap import InTurn, traffic
from paralbench.features.pooling import summarise

CPU = torch.device("cpu")


class Late(InTurn):
    """Holds statistics back until they are asked for; some batches run out of memory only then."""

    depth = 2

    def __init__(self, fails=()):
        super().__init__(CPU)
        self.fails, self.log, self.begun = set(fails), [], 0

    def fetch(self, summary):
        number, self.begun = self.begun, self.begun + 1
        self.log.append(f"begin {number}")

        def wait():
            self.log.append(f"end {number}")
            if number in self.fails:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return summary.on_host()

        return wait


@pytest.fixture
def batches():
    """Seven batches of three waveforms of noise each, with their pieces."""
    random = np.random.default_rng(0)
    found = []
    for number in range(7):
        lengths = random.integers(800, 8000, 3)
        pieces = [Piece(f"{number}-{row}", 0, 0, int(n)) for row, n in enumerate(lengths)]
        found.append(padded([random.normal(size=n).astype("float32") for n in lengths], pieces))
    return found


def agree(found, batches, fakes):
    """Every batch is there, in order, with the statistics that each waveform has alone."""
    assert [[p.content for p in batch.pieces] for batch, _ in found] == [
        [p.content for p in batch.pieces] for batch in batches
    ]
    plain = BatchEncoder(fakes.ConvEncoder(), CPU)
    for batch, pooled in found:
        assert len(pooled) == len(batch)
        for waveform, one in zip(batch.unpadded(), pooled, strict=True):
            (alone,) = plain.encode([waveform])
            assert one.frames == alone.frames
            np.testing.assert_allclose(one.mean, alone.mean, rtol=1e-5, atol=1e-5)


def test_batches_are_begun_before_earlier_ones_have_ended(batches, fakes):
    late = Late()
    found = list(BatchEncoder(fakes.ConvEncoder(), CPU, traffic=late).stream(batches))
    agree(found, batches, fakes)
    assert late.log[:5] == ["begin 0", "begin 1", "begin 2", "end 0", "begin 3"]


def test_on_the_processor_one_follows_the_other(batches, fakes):
    encoder = BatchEncoder(fakes.ConvEncoder(), CPU)
    assert traffic(CPU).depth == 0
    for batch, pooled in encoder.stream(batches):
        for one, other in zip(pooled, encoder.encode(batch.unpadded()), strict=True):
            np.testing.assert_array_equal(one.mean, other.mean)


@pytest.mark.parametrize("fails", [{0}, {3}, {2, 3}, {6}, {0, 1, 2}])
def test_memory_that_runs_out_later_loses_no_batch(batches, fakes, fails):
    encoder = BatchEncoder(fakes.ConvEncoder(), CPU, traffic=Late(fails))
    agree(list(encoder.stream(batches)), batches, fakes)
    assert encoder.back_offs > 0


def test_memory_that_runs_out_at_once_loses_none_of_those_under_way(batches, fakes):
    """The longest batch does not fit: those before it come first, then its halves."""
    sizes = sorted(batch.padded.numel() for batch in batches)
    small = fakes.SmallMemoryEncoder(limit=sizes[-2])
    encoder = BatchEncoder(small, CPU, traffic=Late())
    agree(list(encoder.stream(batches)), batches, fakes)
    assert encoder.back_offs == 1
    assert small.refused == 2  # once beside others, once by itself


def test_a_batch_that_fits_by_itself_is_not_halved(batches, fakes):
    class Crowded(fakes.ConvEncoder):
        refused = 0

        def forward(self, waveforms, lengths):
            if len(late.log) == 4 and not self.refused:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(waveforms, lengths)

    late, crowded = Late(), Crowded()
    encoder = BatchEncoder(crowded, CPU, traffic=late)
    agree(list(encoder.stream(batches)), batches, fakes)
    assert crowded.refused == 1
    assert encoder.back_offs == 0


def test_one_waveform_that_does_not_fit_is_told_after_all_before_it(batches, fakes):
    small = fakes.SmallMemoryEncoder(limit=max(batch.padded.numel() for batch in batches))
    long = padded([np.zeros(small.limit + 1, np.float32)], [Piece("long", 0, 0, small.limit + 1)])
    stream = BatchEncoder(small, CPU, traffic=Late()).stream([*batches, long])
    agree([next(stream) for _ in batches], batches, fakes)
    with pytest.raises(ParalbenchError, match="runs out of memory"):
        next(stream)


def test_another_error_at_the_fetch_is_raised(batches, fakes):
    class Broken(Late):
        def fetch(self, summary):
            def wait():
                raise RuntimeError("an illegal memory access was encountered")

            return wait

    with pytest.raises(RuntimeError, match="illegal memory access"):
        list(BatchEncoder(fakes.ConvEncoder(), CPU, traffic=Broken()).stream(batches))


def test_rows_of_a_batch_are_padded_to_their_own_longest(batches):
    part = batches[0].rows(1, 3)
    assert part.padded.shape == (2, max(part.lengths))
    assert part.padded.is_contiguous()
    for one, other in zip(part.unpadded(), batches[0].unpadded()[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_threads_read_in_order(noise, fakes):
    encoder = fakes.ConvEncoder(window_samples=9000)
    plan = [(Piece(content, 0, 0, 800),) for content in noise.contents]
    reader = Reader(noise.cache, encoder, set(noise.contents))
    assert reader.threads == 1
    reader.threads = 4
    found = [batch.pieces[0].content for batch in read_ahead(plan, reader)]
    assert found == noise.contents


def test_what_comes_back_is_one_tensor_for_all_layers(batches, fakes):
    encoder = fakes.ConvEncoder()
    hidden = encoder.forward(batches[0].padded, torch.tensor(batches[0].lengths))
    summary = summarise(hidden)
    assert [one.shape for one in summary.tensors] == [(3, encoder.n_layers, encoder.dim)]
