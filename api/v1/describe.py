"""What the OpenAPI document says of a view's method; kept with it, and worked out when the document is made.

drf-spectacular's own decorator works it out at once. That loads the whole library, and with it Django's test
framework, in every process that has URLs.
"""

from collections.abc import Callable
from typing import Any


def describe[**P, R](**description: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Describe a view's method, by the arguments of drf-spectacular's `extend_schema`."""

    def keep(method: Callable[P, R]) -> Callable[P, R]:
        method.description = description  # type: ignore[attr-defined]
        return method

    return keep


def description_of(method: Any) -> dict[str, Any] | None:
    """How a view's method was described; None where it was not."""
    return getattr(method, "description", None)
