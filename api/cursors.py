"""Opaque cursors: bytes as a text for URLs. Only a text that was given out is read."""

import base64
import struct


def to_text(data: bytes) -> str:
    """URL-safe base64 (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_text(text: str) -> bytes | None:
    """What `to_text` was given; None where it gives no such text."""
    try:
        data = base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
    except ValueError:
        return None
    # Encoded again to compare, because the decoder skips characters that it does not know.
    return data if to_text(data) == text else None


def write(layout: str, *numbers: int) -> str:
    """Whole numbers in this layout of `struct`."""
    return to_text(struct.pack(layout, *numbers))


def read(layout: str, text: str) -> tuple[int, ...] | None:
    """What `write` was given with this layout; None where it gives no such text."""
    data = from_text(text)
    return None if data is None or len(data) != struct.calcsize(layout) else struct.unpack(layout, data)
