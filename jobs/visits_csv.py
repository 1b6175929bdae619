from typing import Any


class UnreadableVisits(Exception):
    sentences: list[str] = []


def read_visits(file: Any, name: str) -> Any:
    import json

    return json.load(file)
