"""What a model has read on photos, compared with the names of their stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def read_signs(images: Sequence[int]) -> Iterator[dict[str, Any]]:
    """For each of these images that a model has read: whether it shows the store's name, as a finding.

    Each holds `image_id`, `code`, `model`, `version` and `details`.
    """
    yield from ()
