"""Where a download's bytes are kept, piece by piece."""

import io

from jobs.imaging.body import STEP_BYTES, Body, Room


def test_what_was_in_memory_goes_along_to_disk_and_its_room_is_free_again():
    room = Room(STEP_BYTES + 1000)
    body = Body(room, expected=None)
    body.write(b"a" * 1000)
    assert isinstance(body.file, io.BytesIO)
    body.write(b"b" * 2 * STEP_BYTES)
    assert not isinstance(body.file, io.BytesIO)
    assert room.take(STEP_BYTES + 1000)
    body.write(b"c")
    body.file.seek(0)
    assert body.file.read() == b"a" * 1000 + b"b" * 2 * STEP_BYTES + b"c"
    body.close()
    assert body.file.closed
    assert not room.take(1)


def test_closing_twice_gives_room_back_once():
    room = Room(1000)
    body = Body(room, expected=1000)
    assert not room.take(1)
    body.close()
    body.close()
    assert room.take(1000)
    assert not room.take(1)
