"""Logging: readable lines on a terminal, JSON lines in a file.

Messages are short and constant; what varies (job, image, attempt, worker) is in `extra` or bound by structlog,
so that a JSON line can be searched by it. URLs are written without what may be secret in them, wherever they stand.
On a terminal, control characters are escaped: no text of a client's moves the cursor or forges a line.
"""

import re
import sys
from io import StringIO, TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

from retail_pulse.logs import throttle

# A URL's name and password, and its query and fragment.
_SECRETS_OF_URL = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,15}://)(?:[^\s/?#'\"<>]*@)?(?P<place>[^\s?#'\"<>]*)(?P<rest>[?#][^\s'\"<>]*)?",
    re.IGNORECASE,
)
# Those of ASCII and Latin-1, what breaks lines or turns the direction of text, and halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_WITHIN_LINES = re.compile(f"(?![\n\t]){_CONTROL.pattern}")


def without_secrets(text: str) -> str:
    """`text` with its URLs cut down to scheme, host, port and path; `?…` stands where more was."""
    return _SECRETS_OF_URL.sub(lambda url: f"{url['scheme']}{url['place']}{'?…' if url['rest'] else ''}", text)


def _hide_secrets(_: Any, __: str, event: Any) -> Any:
    # Django's own lines carry the request, whose text holds the query.
    if method := getattr(event.pop("request", None), "method", None):
        event["method"] = method
    return {name: without_secrets(value) if isinstance(value, str) else value for name, value in event.items()}


def _escape_control_characters(_: Any, __: str, event: Any) -> Any:
    # A stack has lines of its own, and they are ours.
    return {
        escape(name): escape(value, _CONTROL_WITHIN_LINES if name == "stack" else _CONTROL)
        if isinstance(value, str)
        else value
        for name, value in event.items()
    }


def escape(text: str, control: re.Pattern[str] = _CONTROL) -> str:
    """The text as a terminal may show it: control characters as `\\x1b`."""
    return control.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _write_traceback(stream: Any, exc_info: Any) -> None:
    """Plain: the decorated ones show local variables, which may hold secrets, and take seconds each."""
    text = StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(escape(without_secrets(text.getvalue()), _CONTROL_WITHIN_LINES))


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class LogFileHandler(WatchedFileHandler):
    """Appends to a file that every process shares and that the operator's own tool may rotate."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return super()._open()


def logging_config(level: str, file: Path | None) -> dict[str, Any]:
    """The LOGGING dictionary: the root logger at `level` to standard error, and to `file` where one is given.

    The file is reopened when the operator's rotation tool has moved it, and opened at the first line, so that
    reading the settings never needs a writable directory.
    """
    handlers: dict[str, dict[str, Any]] = {
        "terminal": {"class": "logging.StreamHandler", "formatter": "terminal"},
    }
    if file is not None:
        handlers["file"] = {
            "class": "retail_pulse.logs.config.LogFileHandler",
            "filename": file,
            "encoding": "utf-8",
            "delay": True,
            "formatter": "json",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "terminal": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _hide_secrets,
                    _escape_control_characters,
                    structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback),
                ],
            },
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    _hide_secrets,
                    structlog.processors.JSONRenderer(default=str),
                ],
            },
        },
        "filters": {"quiet": {"()": "retail_pulse.logs.throttle.Quiet"}},
        "handlers": handlers,
        "loggers": {
            # It warns of a server's bad header with a traceback and the whole URL; the outcome says it better.
            "urllib3": {"level": "ERROR"},
            **{name: {"filters": ["quiet"]} for name in throttle.LOGGERS},
        },
        "root": {"level": level, "handlers": list(handlers)},
    }
