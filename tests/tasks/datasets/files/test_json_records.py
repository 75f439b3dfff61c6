"""JSON lines and arrays of records read back as pandas reads them."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, refusal, rows_of, table

RECORDS = [dict(zip(NAMES, [float(a), i, c, y], strict=True)) for i, (a, _, c, y) in enumerate(ROWS)]
LINES = "\n".join(map(json.dumps, RECORDS)) + "\n"


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json"])
@pytest.mark.parametrize(
    "content", [LINES, json.dumps(RECORDS), json.dumps(RECORDS, indent=2), "\ufeff" + LINES]
)
def test_records_are_read_with_their_types(tmp_path: Path, name: str, content: str) -> None:
    read_back = table(tmp_path, content, name)
    assert read_back.names == NAMES
    assert rows_of(read_back) == [list(record.values()) for record in RECORDS]


def test_packed_lines_are_read(tmp_path: Path) -> None:
    assert table(tmp_path, gzip.compress(LINES.encode()), "t.jsonl.gz").rows == len(RECORDS)


def test_lines_are_read_as_pandas_writes_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, None, 3.0], "b": ["x", None, "ü"], "c": [True, False, True]})
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    read_back = table(tmp_path, (tmp_path / "t.jsonl").read_bytes(), "t.jsonl")
    assert rows_of(read_back) == frame.astype(object).where(frame.notna(), None).values.tolist()


def test_nested_records_become_columns(tmp_path: Path) -> None:
    read_back = table(tmp_path, '{"a": {"b": 1}, "tags": ["x", "y"]}\n\n{"a": null, "tags": []}\n', "t.jsonl")
    assert read_back.names == ["a.b", "tags length"]
    assert rows_of(read_back) == [[1, 2], [None, 0]]
    assert read_back.columns[0].place(1) == "line 3"
    assert len(read_back.notes) == 2


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": 1}\n{"a": "x"}\n', "line 2: field 'a' holds a text (x) where earlier records hold a number"),
        ('{"a": 1}\nb\n', "line 2: no JSON"),
        ('{"a": 1}\n[1]\n', "line 2: a list where a record {...} belongs"),
        ('[{"a": 1}, {"a": "x"}]', "record 2: field 'a' holds a text"),
        ('[{"a": 1},', "is not a whole JSON array"),
        ("[]", "holds no records"),
    ],
)
def test_what_holds_no_table_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    assert fault in refusal(tmp_path, content, "t.json")
