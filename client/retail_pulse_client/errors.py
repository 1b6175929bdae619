"""Why a call failed."""

from collections.abc import Sequence
from typing import cast

from .types import Problem, ProblemError


class ClientError(Exception):
    """Its text is a sentence for a person."""


class Unreachable(ClientError):
    """The service gave no usable answer for as long as the client was willing to wait."""


class Refused(ClientError):
    """The service refused a request. `code` is stable, such as `invalid-submission`; `errors` lists every fault."""

    def __init__(self, status: int, sentence: str, code: str = "", errors: Sequence[ProblemError] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.errors = errors

    @classmethod
    def of(cls, status: int, problem: object) -> "Refused":
        """From the document of an answer, which may come from something in between that is not the service."""
        if not isinstance(problem, dict) or not isinstance(problem.get("detail"), str):
            return cls(status, f"The server answered {status}, and not as Retail Pulse does; is the address right?")
        known = cast(Problem, problem)
        return cls(status, known["detail"], known["type"].partition("#")[2], known.get("errors", ()))
