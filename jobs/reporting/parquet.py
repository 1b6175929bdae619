"""Results as Parquet, by the extra `parquet`; only here is its library loaded."""

from collections.abc import Sequence
from typing import IO, Any

from jobs.reporting.exports import Column, Type

COMPRESSION = "zstd"


class ParquetMissing(Exception):
    """The extra is not installed; the text is a sentence that says how to install it."""


def require() -> None:
    """Raises ParquetMissing."""
    try:
        import pyarrow.parquet  # noqa: F401 - here alone
    except ImportError as error:
        raise ParquetMissing(
            "Parquet needs the extra parquet, which is not installed: pip install 'retail-pulse[parquet]'."
        ) from error


class ParquetWriter:
    """One file; each call of `write` becomes a row group. Times are microseconds in UTC, JSON is text."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        import pyarrow
        from pyarrow import parquet

        self._arrow: Any = pyarrow
        self._types = [_type_of(pyarrow, column.kind.type) for column in columns]
        self._schema = pyarrow.schema([(column.name, of) for column, of in zip(columns, self._types, strict=True)])
        self._writer = parquet.ParquetWriter(pyarrow.PythonFile(file, mode="w"), self._schema, compression=COMPRESSION)

    def write(self, rows: Sequence[Sequence[str | None]]) -> None:
        arrays = [
            self._array(list(values), of) for values, of in zip(zip(*rows, strict=True), self._types, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _array(self, values: list[str | None], of: Any) -> Any:
        """From PostgreSQL's text."""
        if of == self._arrow.bool_():
            return self._arrow.array([None if value is None else value == "t" for value in values], of)
        texts = self._arrow.array(values, self._arrow.string())
        return texts if of == self._arrow.string() else texts.cast(of)


def _type_of(arrow: Any, of: Type) -> Any:
    return {
        Type.INTEGER: arrow.int64(),
        Type.TIME: arrow.timestamp("us", tz="UTC"),
        Type.FLAG: arrow.bool_(),
    }.get(of, arrow.string())
