"""The binary form of the Open Inference Protocol (KServe v2), as Triton and others speak it, without its client.

A request is a JSON header, whose length an HTTP header says, and behind it the numbers of the input; so is an answer.
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension
"""

import json
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any

from jobs.imaging.formats.picture import Picture
from jobs.imaging.steps.remote import Answer, RemoteFailed, parsed
from jobs.imaging.steps.tensors import Layout, UnusableShape

HEADER_LENGTH = "Inference-Header-Content-Length"
_ENCODED, _FLOATS, _BYTES = "BYTES", "FP32", "UINT8"
# The typecodes of the numbers that an answer may hold.
_TYPECODES = {
    "FP32": "f", "FP64": "d", "UINT8": "B", "INT8": "b", "UINT16": "H", "INT16": "h", "UINT32": "I", "INT32": "i",
    "UINT64": "Q", "INT64": "q",
}  # fmt: skip
# Sides of a tensor.
_MOST_SIDES = 8


@dataclass(frozen=True, slots=True)
class Input:
    """What a model takes: numbers in a layout, or the file as it is, with or without its length in front."""

    name: str
    datatype: str
    sides: int
    layout: Layout | None
    output: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "Input":
        """As a server describes the model. Raises RemoteFailed where this step cannot use it."""
        try:
            (only,), output = metadata["inputs"], metadata["outputs"][0]["name"]
            name, datatype, shape = only["name"], only["datatype"], list(only["shape"])
        except (KeyError, TypeError, ValueError, IndexError):
            raise RemoteFailed("The model's server does not describe a model with one input.") from None
        sides = len(shape)
        if datatype == _FLOATS:
            try:
                layout = Layout.of(shape)
            except UnusableShape as error:
                raise RemoteFailed(f"The server's model cannot be used: {error}.") from None
            return cls(str(name), datatype, sides, layout, str(output))
        is_file = all(side in (-1, 1) for side in shape) or (datatype == _BYTES and shape[-1:] == [-1])
        if datatype not in (_ENCODED, _BYTES) or not 1 <= sides <= _MOST_SIDES or not is_file:
            raise RemoteFailed(
                f"The server's model cannot be used: its input is {datatype} of the shape {shape}; usable are FP32 of "
                "four sides, and for the file as it is BYTES, or UINT8 of one row."
            )
        return cls(str(name), datatype, sides, None, str(output))

    def request(self, data: IO[bytes]) -> tuple[IO[bytes], Mapping[str, str]]:
        """The body and the headers of a request for one image, whose file or numbers are `data`."""
        size = data.seek(0, SEEK_END)
        front = struct.pack("<I", size) if self.datatype == _ENCODED else b""
        shape = [1, *self.layout.shape] if self.layout else [1] * self.sides
        if self.datatype == _BYTES:
            shape[-1] = size
        header = json.dumps(
            {
                "inputs": [
                    {
                        "name": self.name,
                        "shape": shape,
                        "datatype": self.datatype,
                        "parameters": {"binary_data_size": len(front) + size},
                    }
                ],
                "outputs": [{"name": self.output, "parameters": {"binary_data": True}}],
            }
        ).encode()
        # The file itself is not copied.
        body = Picture()
        body.put(header + front)
        body.keep(0, size)
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(header))}
        return body.open(data), headers


@dataclass(frozen=True, slots=True)
class Output:
    version: str
    numbers: Sequence[float]

    @classmethod
    def of(cls, answer: Answer, name: str) -> "Output":
        """The numbers of the output `name`. Raises RemoteFailed."""
        length = answer.headers.get(HEADER_LENGTH)
        if length is None:
            header, rest = parsed(answer.body), b""
        elif length.isascii() and length.isdecimal() and float(length) <= len(answer.body):
            header, rest = parsed(answer.body[: int(length)]), answer.body[int(length) :]
        else:
            raise RemoteFailed(f"The model's server answered with a wrong {HEADER_LENGTH}.")
        try:
            found, numbers = _numbers(header["outputs"], rest, name)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise RemoteFailed("The model's server answered with numbers that cannot be read.") from None
        if not found:
            raise RemoteFailed("The model's server answered without the output that it was asked for.")
        return cls(str(header.get("model_version", "")), numbers)


def _numbers(outputs: Any, rest: bytes, name: str) -> tuple[bool, Sequence[float]]:
    place = 0
    for output in outputs:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is not None and not 0 <= size <= len(rest) - place:
            raise ValueError("wrong size")
        if output["name"] == name:
            typecode = _TYPECODES[output["datatype"]]
            if size is None:
                return True, [float(number) for number in output["data"]]
            numbers = array(typecode, rest[place : place + size])
            return True, numbers.tolist()
        place += size or 0
    return False, ()
