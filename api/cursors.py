"""Opaque cursors: whole numbers as a text for URLs. Only a text that was given out is read."""

import base64
import struct


def write(layout: str, *numbers: int) -> str:
    """The numbers in this layout of `struct`, as URL-safe base64 (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(struct.pack(layout, *numbers)).decode().rstrip("=")


def read(layout: str, text: str) -> tuple[int, ...] | None:
    """The numbers that `write` was given; None where it writes no such text."""
    try:
        numbers = struct.unpack(layout, base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))
    except (ValueError, struct.error):
        return None
    # Encoded again to compare, because the decoder skips characters that it does not know.
    return numbers if write(layout, *numbers) == text else None
