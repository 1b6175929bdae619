"""How a line of the log is written: as JSON in a file, readable on a terminal.

Messages are short and constant; what varies (job, image, attempt, worker) is in `extra`, so that a JSON line can be
searched by it. Its names are those of the Elastic Common Schema (ECS) where that has one, and begin with
`retail_pulse.` where it has none: a collector takes the lines without a rule for each. URLs are written without what
may be secret in them, wherever they occur. On a terminal, control characters are escaped: no text from a client moves
the cursor or forges a line.
"""

import json
import logging
import os
import re
from datetime import UTC, datetime
from typing import Any

from retail_pulse import request_ids

ECS_VERSION = "8.17"
# ECS's names for ours.
ECS_NAMES = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "event": "message",
    "logger": "log.logger",
    "request_id": "http.request.id",
    "method": "http.request.method",
    "status_code": "http.response.status_code",
    "status": "http.response.status_code",
    "client": "client.address",
    "code": "error.code",
    "error": "error.message",
    "error_type": "error.type",
    "exception": "error.stack_trace",
}
OWN_NAMES = "retail_pulse."

# A URL's name and password, and its query and fragment.
_SECRETS_OF_URL = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,15}://)(?:[^\s/?#'\"<>]*@)?(?P<place>[^\s?#'\"<>]*)(?P<rest>[?#][^\s'\"<>]*)?",
    re.IGNORECASE,
)
# A token that sets a password (django.contrib.auth.tokens), wherever it stands: Django's own lines hold paths.
_LINK_TOKEN = re.compile(r"\b[0-9a-z]{6,8}-[0-9a-f]{32}\b")
# Those of ASCII and Latin-1, what breaks lines or turns the direction of text, and halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_WITHIN_LINES = re.compile(f"(?![\n\t]){_CONTROL.pattern}")
# What every record has, or is given by another formatter; anything beyond came in `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

# HTTP's answers that blame the client.
_REFUSALS = range(400, 500)
# SGR codes of ECMA-48.
_RESET, _BOLD, _DIM = "\033[0m", "\033[1m", "\033[2m"
_RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN = (f"\033[{code}m" for code in range(31, 37))
_LEVELS = {"debug": _GREEN, "info": _GREEN, "warning": _YELLOW, "error": _RED, "critical": _RED}
# Columns of the terminal, in characters.
_LEVEL_WIDTH, _EVENT_WIDTH = 9, 30


def without_secrets(text: str) -> str:
    """`text` with its URLs cut down to scheme, host, port and path; `?…` replaces the rest, `…` a link's token."""
    text = _LINK_TOKEN.sub("…", text)
    return _SECRETS_OF_URL.sub(lambda url: f"{url['scheme']}{url['place']}{'?…' if url['rest'] else ''}", text)


def escape(text: str, control: re.Pattern[str] = _CONTROL) -> str:
    """The text as a terminal may show it: control characters as `\\x1b`."""
    return control.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class _Formatter(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the line holds, by name: `event` (the message), `level`, `logger`, `timestamp`, and the `extra`."""
        fields = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        }
        # Django's own lines carry the request, whose text holds the query.
        request = fields.pop("request", None)
        if method := getattr(request, "method", None):
            fields["method"] = method
        request_id = fields.pop("request_id", "") or getattr(request, "request_id", "") or request_ids.current()
        if request_id:
            fields["request_id"] = request_id
        if record.stack_info:
            fields["stack"] = record.stack_info
        if record.exc_info and record.exc_info[0] is not None:
            fields["error_type"] = record.exc_info[0].__name__
            # What is refused is no fault of the code, and where in it that happened tells nobody anything.
            if getattr(record, "status_code", None) in _REFUSALS:
                fields["error"] = str(record.exc_info[1])
            else:
                fields["exception"] = self.formatException(record.exc_info)
        return {name: without_secrets(value) if isinstance(value, str) else value for name, value in fields.items()}


class JSONLine(_Formatter):
    """One JSON object a line, in ASCII, with ECS's names."""

    def format(self, record: logging.LogRecord) -> str:
        named = {ECS_NAMES.get(name, f"{OWN_NAMES}{name}"): value for name, value in self.fields(record).items()}
        line = {"ecs.version": ECS_VERSION, "service.name": "retail-pulse", "process.pid": os.getpid(), **named}
        return json.dumps(line, default=str)


class TerminalLine(_Formatter):
    """One readable line; a stack or a traceback follows in lines of its own.

    A traceback is the plain one: the decorated ones show local variables, which may hold secrets.
    """

    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        blocks = [fields.pop(name) for name in ("stack", "exception") if name in fields]
        time, level, event, logger = (
            escape(str(fields.pop(name))) for name in ("timestamp", "level", "event", "logger")
        )
        line = [
            self._in(_DIM, time),
            f"[{self._in(_LEVELS.get(level, '') + _BOLD, level.ljust(_LEVEL_WIDTH))}]",
            self._in(_BOLD, event.ljust(_EVENT_WIDTH)),
            f"[{self._in(_BOLD + _BLUE, logger)}]",
        ]
        line += [
            f"{self._in(_CYAN, escape(name))}={self._in(_MAGENTA, escape(str(value)))}"
            for name, value in sorted(fields.items())
        ]
        return "\n".join([" ".join(line), *(escape(str(block), _CONTROL_WITHIN_LINES) for block in blocks)])

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colors else text
