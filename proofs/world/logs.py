"""The service's log file, one JSON object a line, with the names that the code has for them."""

import json
from pathlib import Path
from typing import Any

from retail_pulse.logs.formatters import ECS_NAMES, OWN_NAMES

_NAMES = {ecs: name for name, ecs in ECS_NAMES.items()}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Every line of all processes, oldest first; a line that a killed process left unfinished is skipped."""
    lines = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        lines.append({_NAMES.get(name, name.removeprefix(OWN_NAMES)): value for name, value in found.items()})
    return lines
