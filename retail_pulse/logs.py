"""Logging: readable lines on a terminal, JSON lines in a file.

Messages are short and constant; what varies (job, image, attempt, worker) is in `extra` or bound by structlog,
so that a JSON line can be searched by it.
"""

import sys
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

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
            "class": "retail_pulse.logs.LogFileHandler",
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
                    # Plain tracebacks: the decorated ones show local variables, which may hold secrets, and take
                    # seconds each.
                    structlog.dev.ConsoleRenderer(
                        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
                    ),
                ],
            },
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(default=str),
                ],
            },
        },
        "handlers": handlers,
        # It warns of a server's bad header with a traceback and the whole URL; the outcome says it better.
        "loggers": {"urllib3": {"level": "ERROR"}},
        "root": {"level": level, "handlers": list(handlers)},
    }
