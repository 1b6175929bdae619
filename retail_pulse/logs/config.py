"""Logging: readable lines on a terminal, JSON lines in a file."""

import sys
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from retail_pulse.logs import throttle


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
            "terminal": {"()": "retail_pulse.logs.formatters.TerminalLine", "colors": sys.stderr.isatty()},
            "json": {"()": "retail_pulse.logs.formatters.JSONLine"},
        },
        "filters": {"throttle": {"()": "retail_pulse.logs.throttle.LogThrottle"}},
        "handlers": handlers,
        "loggers": {
            # It warns of a server's bad header with a traceback and the whole URL; the outcome says more.
            "urllib3": {"level": "ERROR"},
            # Two lines for each message, and one for each connection.
            **{name: {"level": "WARNING"} for name in ("celery", "kombu", "amqp")},
            **{name: {"filters": ["throttle"]} for name in throttle.LOGGERS},
        },
        "root": {"level": level, "handlers": list(handlers)},
    }
