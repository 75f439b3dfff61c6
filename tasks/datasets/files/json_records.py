"""JSON: one record a line, or one array of records."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.json as arrow_json

from infra.errors import DataError
from tasks.datasets.files.base import Content, EmptyTableError, Reading
from tasks.datasets.files.nesting import flat
from tasks.datasets.files.opened import Opened
from tasks.datasets.files.text.encodings import as_utf8

BLOCK_BYTES = 1 << 26  # bytes that one thread parses at a time; a record must fit in
BLANK = b" \t\r\n"


class JsonRecords:
    """JSON lines, or an array of records; lists and records inside become columns of their own."""

    name = "JSON"
    part_suffixes = (".jsonl", ".ndjson", ".json")
    parts_may_lack_columns = True

    def fits(self, file: Opened) -> bool:
        """Tell whether a file has the name of a JSON file."""
        return file.suffix in self.part_suffixes

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read a JSON file.

        Raises
        ------
        DataError
            If the file holds no records, or a field holds values of several kinds; the message names the line.
        """
        data, notes = as_utf8(file.content(), str(file.path))
        array = _array(data, file)
        lines = data if array is None else b"\n".join(json.dumps(one).encode() for one in array)
        if not lines:
            raise EmptyTableError(f"'{file.path}' holds no records")
        try:
            table = arrow_json.read_json(
                pa.BufferReader(lines), read_options=arrow_json.ReadOptions(block_size=BLOCK_BYTES)
            )
        except pa.ArrowException as error:
            _refuse_record(lines, "line" if array is None else "record", file)
            raise DataError(f"'{file.path}' cannot be read as JSON: {str(error).splitlines()[0]}") from None
        table, changes = flat(table)
        kept = [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
        places = _Places(file, "line" if array is None else "record")
        return Content(table.select(kept), places.place, (*file.notes, *notes, *changes))


@dataclass(frozen=True)
class _Places:
    """The line of each record, which is looked up in the file when it is first asked for."""

    file: Opened
    word: str

    @cached_property
    def _lines(self) -> list[int]:
        data, _ = as_utf8(self.file.content(), str(self.file.path))
        return [number for number, _ in _filled_lines(data)]

    def place(self, row: int) -> str:
        return f"{self.word} {self._lines[row] if self.word == 'line' else row + 1}"


def _filled_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _array(data: bytes, file: Opened) -> list[Any] | None:
    """The records of an array; None if the file does not begin with one."""
    if not data[:1024].lstrip(BLANK).startswith(b"["):
        return None
    try:
        found = json.loads(data)
    except ValueError as error:
        raise DataError(f"'{file.path}' is not a whole JSON array ({error}); write it again") from None
    records: list[Any] = found
    return records


def _refuse_record(lines: bytes, word: str, file: Opened) -> None:
    """Refuse the first line that is no record, or has another kind of value in a field than the lines before."""
    kinds: dict[str, str] = {}
    for number, line in _filled_lines(lines):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"'{file.path}', {word} {number}: no JSON ({error})") from None
        if not isinstance(record, dict):
            raise DataError(f"'{file.path}', {word} {number}: {_kind(record)} where a record {{...}} belongs")
        for name, value in record.items():
            kind = _kind(value)
            if value is not None and kinds.setdefault(name, kind) != kind:
                raise DataError(
                    f"'{file.path}', {word} {number}: field '{name}' holds {kind} ({str(value)[:40]}) where earlier "
                    f"records hold {kinds[name]}; write one kind of value"
                )


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a record",
    }
    return kinds.get(type(value), "nothing")
