"""Writes `retail_pulse_client/types.py` from the service's OpenAPI document, given on standard input.

./run manage spectacular --format openapi-json | python client/generate_types.py
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "retail_pulse_client" / "types.py"
# What the client's methods return; schemas that these refer to come along.
ROOTS = (
    "JobDetail",
    "RehearsalRow",
    "Image",
    "StoreError",
    "VisitRow",
    "FailureGroups",
    "RetryPreview",
    "Retried",
    "Problem",
)
HEAD = '''"""The documents of API v1, made by `generate_types.py` from the OpenAPI document: not to be edited."""

from typing import Any, Literal, NotRequired, TypedDict
'''
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def generate(document: dict[str, Any]) -> str:
    """The module's source."""
    schemas = dict(document["components"]["schemas"])
    # An entry of a problem's list has no name of its own in the document.
    schemas["ProblemError"] = schemas["Problem"]["properties"]["errors"]["items"]
    problem = schemas["Problem"]
    errors = {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}}
    schemas["Problem"] = {
        **problem,
        "properties": {**problem["properties"], "errors": errors, "type": {"type": "string"}},
    }
    found: dict[str, str] = {}
    waiting = list(reversed(ROOTS))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = typed_dict(name, schemas, waiting)
    return "\n\n".join([HEAD, *reversed(found.values())])


def typed_dict(name: str, schemas: dict[str, Any], used: list[str]) -> str:
    """The class; names of those that it needs are appended to `used`."""
    schema = schemas[name]
    required = schema.get("required", ())
    lines = [f"class {name}(TypedDict):"]
    if description := schema.get("description"):
        lines += [f'    """{description}"""', ""]
    for field, of in schema["properties"].items():
        kind = type_of(of, schemas, used)
        lines.append(f"    {field}: {kind}" if field in required else f"    {field}: NotRequired[{kind}]")
    return "\n".join(lines) + "\n"


def type_of(schema: dict[str, Any], schemas: dict[str, Any], used: list[str]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if "properties" not in schemas[name]:
            return type_of(schemas[name], schemas, used)
        used.append(name)
        return f'"{name}"'
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return union(type_of(each, schemas, used) for each in schema[several])
    if "allOf" in schema:
        return type_of(schema["allOf"][0], schemas, used)
    if "enum" in schema:
        texts = [value for value in schema["enum"] if value is not None]
        kinds = [f"Literal[{', '.join(json.dumps(text) for text in texts)}]"] if texts else []
        return union([*kinds, *(["None"] if None in schema["enum"] else [])])
    kind = schema.get("type")
    if isinstance(kind, list):
        return union(type_of({**schema, "type": each}, schemas, used) for each in kind)
    if kind == "array":
        return f"list[{type_of(schema['items'], schemas, used)}]"
    return SIMPLE.get(str(kind), "Any") if kind != "object" else "dict[str, Any]"


def union(kinds: Any) -> str:
    """Without repeats; a name in quotes takes the others into its quotes."""
    parts = list(dict.fromkeys(kinds))
    if len(parts) > 1 and any(part.startswith('"') for part in parts):
        return '"' + " | ".join(part.strip('"') for part in parts) + '"'
    return " | ".join(parts)


if __name__ == "__main__":
    TARGET.write_text(generate(json.load(sys.stdin)))
