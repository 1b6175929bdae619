"""Where the bytes of a download are kept."""

import io

from jobs.imaging.body import STEP_BYTES, Body, MemoryBudget


def test_what_was_in_memory_moves_to_disk_and_its_memory_is_free_again():
    budget = MemoryBudget(STEP_BYTES + 1000)
    body = Body(budget, expected=None)
    body.write(b"a" * 1000)
    assert isinstance(body.file, io.BytesIO)
    body.write(b"b" * 2 * STEP_BYTES)
    assert not isinstance(body.file, io.BytesIO)
    assert budget.take(STEP_BYTES + 1000)
    body.write(b"c")
    body.file.seek(0)
    assert body.file.read() == b"a" * 1000 + b"b" * 2 * STEP_BYTES + b"c"
    body.close()
    assert body.file.closed
    assert not budget.take(1)


def test_closing_twice_gives_memory_back_once():
    budget = MemoryBudget(1000)
    body = Body(budget, expected=1000)
    assert not budget.take(1)
    body.close()
    body.close()
    assert budget.take(1000)
    assert not budget.take(1)
