"""Text that a server chose, as it is stored and shown."""

import pytest

from jobs.imaging.printable import printable


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        ("", 5, ""),
        ("gzip", 5, "gzip"),
        ("12345", 5, "12345"),
        ("123456", 5, "1234…"),
        ("a\0", 5, r"a\x00"),
        ("ab\0", 5, r"ab\x…"),
        ("a b\t\r\n", 20, r"a b\t\r\n"),
        ("\u200b\u202e\u2028\U000e0001", 40, r"\u200b\u202e\u2028\U000e0001"),
        ("dobré 日本", 20, "dobré 日本"),
        ("\ud800", 20, r"\ud800"),
        ("x" * 10**7, 5, "xxxx…"),
    ],
)
def test_what_cannot_be_seen_is_escaped_and_what_is_long_is_cut(text, longest, shown):
    assert printable(text, longest) == shown
    assert shown.isprintable()
    assert len(shown) <= longest
