"""Why a file cannot be read, in the words of the place where it was given."""

from __future__ import annotations

from enum import StrEnum


class Entry(StrEnum):
    """Where a file was given, and with it how its options are named."""

    COMMAND = "command"
    PAGE = "page"
    API = "api"


_OPTIONS = {
    Entry.COMMAND: {"encoding": "with --encoding", "sheet": "with --sheet"},
    Entry.PAGE: {"encoding": "(field Encoding)", "sheet": "(field Sheet)"},
    Entry.API: {"encoding": "with the parameter encoding", "sheet": "with the parameter sheet"},
}


class UnreadableFileError(Exception):
    """The file as a whole cannot be read as a table.

    `complaint` continues a sentence that begins with the file, or with `line` where there is one. `cure` says what to
    do; in it `{encoding}` and `{sheet}` stand for the ways of naming these options.
    """

    code = "unreadable_file"

    def __init__(self, complaint: str, cure: str = "", *, line: int | None = None) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.cure = cure
        self.line = line

    def predicate(self, entry: Entry) -> str:
        """What is wrong and what to do, without its subject and without a full stop."""
        return f"{self.complaint}; {self.cure.format(**_OPTIONS[entry])}" if self.cure else self.complaint

    def sentence(self, entry: Entry) -> str:
        """For example `the file is empty; …` or `line 3: holds a NUL character; …`, with a full stop."""
        subject = "the file" if self.line is None else f"line {self.line:,}:"
        return f"{subject} {self.predicate(entry)}."

    def __str__(self) -> str:
        return self.sentence(Entry.COMMAND)
