"""Compressed tables are unpacked, whatever their names; archives of several files are refused."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, refusal, separated, table

BODY = separated([NAMES, *ROWS]).encode()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    packed_bytes: bytes = sink.getvalue().to_pybytes()
    return packed_bytes


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    (".gz", gzip.compress),
    (".bz2", bz2.compress),
    (".xz", lzma.compress),
    (".zst", zstd),
    (".zip", lambda content: zipped(data__csv=content)),
]


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_a_packed_table_is_read(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    read_back = table(tmp_path, pack(BODY), f"table.csv{suffix}")
    assert_whole(read_back)
    assert read_back.columns[0].place(2) == "line 4"


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_the_bytes_and_not_the_name_tell_the_packing(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    assert_whole(table(tmp_path, pack(BODY), "table.csv"))
    assert_whole(table(tmp_path, BODY, f"table.csv{suffix}"))


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_a_packed_table_that_was_cut_off_is_refused(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    assert "is not a whole" in refusal(tmp_path, pack(BODY)[:-20], f"table.csv{suffix}")


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.zip"
    assert refusal(tmp_path, zipped(a__csv=BODY, b__csv=BODY), "table.zip") == (
        f"'{path}' is a zip archive of 2 files ('a.csv', 'b.csv'), and a table is one file; unpack the archive and "
        "give one of the files, or give the folder if the files are the parts of one table"
    )
    message = refusal(tmp_path, zipped(**{f"p{i:02}__csv": BODY for i in range(13)}), "table.zip")
    assert "of 13 files ('p00.csv', 'p01.csv', " in message
    assert "'p09.csv' and 3 more), and a table is one file" in message
    assert "is a zip archive without a file" in refusal(tmp_path, zipped(**{".DS_Store": b"x"}), "table.zip")


def test_files_that_a_system_adds_to_an_archive_do_not_count(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data/table.csv", BODY)
        archive.writestr("__MACOSX/data/._table.csv", b"x")
        archive.writestr("data/.DS_Store", b"x")
    assert_whole(table(tmp_path, stream.getvalue(), "table.zip"))
