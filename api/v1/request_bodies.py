"""Request bodies of v1: strict where a submission is lenient, because a misspelt key would change what is affected."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from jobs.submission.payload import MAX_STORE_ID, InvalidPayload, Problem

# The most faults that one answer lists, and the most characters of an unknown key that it repeats.
MOST_PROBLEMS = 100
LONGEST_KEY = 64


class Unacceptable(Exception):
    """What is wrong with a value; the text completes a sentence that begins with its place."""


def read_object(
    data: Any, fields: Mapping[str, Callable[[Any], Any]], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values of a JSON object with these keys and no others. Raises InvalidPayload with every fault."""
    if not isinstance(data, dict):
        raise InvalidPayload([Problem((), "must be a JSON object")])
    problems = [Problem((key,), "is missing") for key in required if key not in data]
    values = {}
    for key, value in data.items():
        try:
            values[key] = _reader(fields, key)(value)
        except Unacceptable as fault:
            problems.append(Problem((key[:LONGEST_KEY],), str(fault)))
            if len(problems) == MOST_PROBLEMS:
                break
    if problems:
        raise InvalidPayload(problems)
    return values


def _reader(fields: Mapping[str, Callable[[Any], Any]], key: str) -> Callable[[Any], Any]:
    if key not in fields:
        known = f"known are {', '.join(fields)}" if fields else "none is"
        raise Unacceptable(f"is no key here; {known}")
    return fields[key]


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        # A bool is an int to isinstance.
        if type(value) is not int or not lowest <= value <= highest:
            raise Unacceptable(f"must be an integer from {lowest} to {highest:,}")
        return value

    return read


priority = whole_number(LOWEST_PRIORITY, HIGHEST_PRIORITY)


def or_null[Value](read: Callable[[Any], Value]) -> Callable[[Any], Value | None]:
    def read_or_null(value: Any) -> Value | None:
        try:
            return None if value is None else read(value)
        except Unacceptable as fault:
            raise Unacceptable(str(fault).replace("must be ", "must be null or ", 1)) from None

    return read_or_null


def one_of(values: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in values:
            raise Unacceptable(f"must be {', '.join(values[:-1])} or {values[-1]}")
        return str(value)

    return read


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unacceptable("must be true or false")
    return value


def text(longest: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise Unacceptable(f"must be a string of at most {longest} characters")
        return value

    return read


def number(lowest: float, highest: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        # A bool is an int to isinstance.
        if type(value) not in (int, float) or not lowest <= value <= highest:
            raise Unacceptable(f"must be a number from {lowest:g} to {highest:g}")
        return float(value)

    return read


def store_id(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_STORE_ID:
        raise Unacceptable(f"must be a store's id, a string of 1 to {MAX_STORE_ID} characters")
    return value


def store_ids(most: int, *, least: int = 1) -> Callable[[Any], list[str]]:
    """A list without repeats."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Unacceptable(f"must be a list of {least} to {most:,} ids of stores")
        seen: dict[str, int] = {}
        for at, each in enumerate(value):
            try:
                first = seen.setdefault(store_id(each), at)
            except Unacceptable as fault:
                raise Unacceptable(f"[{at}] {fault}") from None
            if first != at:
                raise Unacceptable(f"[{at}] is the same store as {first}")
        return value

    return read


def refused(error: ValidationError) -> InvalidPayload:
    """What a model's own checks find wrong with a body, by field."""
    return InvalidPayload(
        [
            Problem(() if field == NON_FIELD_ERRORS else (field,), f"is refused: {sentence}".removesuffix("."))
            for field, sentences in error.message_dict.items()
            for sentence in sentences
        ]
    )


def read_nothing(data: Any) -> None:
    """For actions without a body: none, or an empty object. Raises InvalidPayload."""
    if data:
        read_object(data, {})
