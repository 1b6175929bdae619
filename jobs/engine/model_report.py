"""What a worker says of its model, in its row: `jobs/reporting/models.py` reads it, perhaps that of another version."""

from dataclasses import asdict
from typing import Any

from jobs.imaging.model_step import ModelState


def is_away(state: ModelState | None) -> bool:
    return state is not None and state.absence is not None


def as_json(state: ModelState) -> dict[str, Any]:
    """`away`, null or its seconds and reason, and the `steps` with a thread of their own, with their figures."""
    return {
        "away": asdict(state.absence) if state.absence else None,
        "steps": [asdict(figures) for figures in state.figures],
    }
