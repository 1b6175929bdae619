"""Why a call failed."""

from collections.abc import Sequence

from .types import ProblemError


class ClientError(Exception):
    """Its text is a sentence for a person."""


class Misconfigured(ClientError):
    """The address or the API key cannot be one; nothing was sent."""


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
        errors = problem.get("errors")
        listed = errors if isinstance(errors, list) else []
        known = [each for each in listed if isinstance(each, dict) and isinstance(each.get("detail"), str)]
        return cls(status, problem["detail"], str(problem.get("type", "")).partition("#")[2], known)  # type: ignore[arg-type]
