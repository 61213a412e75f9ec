"""Several processes on one store, and processes that are killed."""

import random

import numpy as np
import pytest

from paralbench.storage.atomic import PREFIX, clean_leftovers
from paralbench.storage.keyed import KeyedStore, RaggedStore

# Appends rows that follow from their number for ever (or `count` times), printing each number when
# it is on the disk.
WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from paralbench.storage.keyed import KeyedStore, RaggedStore

kind, folder, first, step, count = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])
store = (KeyedStore if kind == "keyed" else RaggedStore)(folder)
print("ready", flush=True)
for number in range(first, first + count * step, step):
    key = hashlib.sha256(str(number).encode()).hexdigest()
    row = np.full(5000, number, "float32")
    if kind == "keyed":
        store.append([key], {"row": row[None]})
    else:
        store.append([key], [row[: number % 5000]])
    print(number, flush=True)
"""


def _check(kind, folder, key):
    """Every row that the store lists is whole; returns how many there are."""
    store = (KeyedStore if kind == "keyed" else RaggedStore)(folder)
    numbers = [number for number in range(8000) if key(number) in store]
    assert len(numbers) == len(store)
    for number in numbers:
        if kind == "keyed":
            row, length = store.get([key(number)])["row"][0], 5000
        else:
            row, length = store.get(key(number)), number % 5000
        np.testing.assert_array_equal(row, np.full(length, number, "float32"))
    return set(numbers)


@pytest.mark.parametrize("kind", ["keyed", "ragged"])
def test_kill_at_any_time_loses_nothing_that_was_appended(tmp_path, key, run_and_kill, kind):
    rng = random.Random(0)
    folder = tmp_path / "store"
    done = set()
    for first in range(0, 8000, 1000):
        lines = run_and_kill(WRITER, kind, folder, first, 1, 1000, after=rng.uniform(0, 0.15))
        done.update(int(line) for line in lines if line != "ready")
        assert done <= _check(kind, folder, key)
        assert not list(folder.glob(f"{PREFIX}*"))  # opening the store removed them
    assert done


def test_a_kill_in_the_middle_of_a_file(tmp_path, key, run_and_kill):
    """The writer hangs with half a file on the disk when it is killed."""
    program = WRITER.replace(
        'print("ready", flush=True)',
        """
import os, time
real, size = os.write, []
def hang(descriptor, data):
    size.append(real(descriptor, data[:2000]))
    if len(size) > 10:
        print("half", flush=True)
        time.sleep(100)
    return size[-1]
store.append(["11" * 32], {"row": np.zeros((1, 5000), "float32")})
os.write = hang
""",
    )
    folder = tmp_path / "store"
    assert run_and_kill(program, "keyed", folder, 0, 1, 100, after=0) == ["half"]
    assert len(list(folder.glob(f"{PREFIX}*"))) == 1
    assert len(clean_leftovers(folder)) == 1
    assert len(KeyedStore(folder)) == 1


@pytest.mark.parametrize("kind", ["keyed", "ragged"])
def test_processes_write_at_the_same_time(tmp_path, key, spawn, kind):
    """Two write rows of their own, two the same rows, and one opens and cleans all the while."""
    folder = tmp_path / "store"
    writers = [
        spawn(WRITER, kind, folder, first, step, 60)
        for first, step in [(0, 2), (1, 2), (5000, 1), (5000, 1)]
    ]
    while any(process.poll() is None for process in writers):
        (KeyedStore if kind == "keyed" else RaggedStore)(folder)
    for process in writers:
        _, error = process.communicate()
        assert process.returncode == 0, error
    assert _check(kind, folder, key) == {*range(120), *range(5000, 5060)}
