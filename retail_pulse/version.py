"""The one version number of Retail Pulse; it is written in pyproject.toml and nowhere else."""

import re
from pathlib import Path


def _read(project: Path) -> str:
    """The version that `project`, a pyproject.toml, names.

    By pattern: every process reads it at its start, and importing a TOML parser would take longer than the rest.
    """
    found = re.search(r'^version = "(.+)"$', project.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{project} names no version.")
    return found[1]


VERSION = _read(Path(__file__).resolve().parent.parent / "pyproject.toml")
