"""The bytes of a text file in UTF-8: the encoding is told by a byte order mark, or found from the bytes."""

import codecs
import re

from charset_normalizer import from_bytes

from infra.errors import DataError
from tasks.datasets.files.base import EmptyTableError

PIECE = 1 << 24  # bytes that are decoded at a time, so that no second copy of a large file is kept
SAMPLE = 1 << 16  # bytes with which an encoding is guessed
MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
WESTERN = "cp1252"
NAMES = {"cp1252": "Windows-1252"}
FOREIGN = (
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp932",
    "gb18030",
    "big5",
    "cp949",
    "koi8_r",
)
"""Encodings besides Western European that a file may have."""
CONTROL = re.compile(rb"[\x00\x02-\x08\x0b\x0e-\x19\x1c-\x1f\x7f]")
"""Bytes that no text holds; 0x01 separates the fields of Hive's files."""
DOS_END = b"\x1a"
BLANK = b"\r\n\t \x1a"
LEAST_ZEROS, MOST_ZEROS = 0.25, 0.01
"""Share of zeros among every second byte of UTF-16, and among the other bytes: digits and separators have a zero."""
ENDING = 1024  # bytes at the end in which the end mark of DOS is looked for


def as_utf8(data: bytes, place: str) -> tuple[bytes, list[str]]:
    """Turn the bytes of a text file into UTF-8 without a byte order mark and with usual line ends.

    Parameters
    ----------
    data : bytes
        All bytes of the file.
    place : str
        The file, as messages name it.

    Returns
    -------
    bytes
        The text in UTF-8; the same object if nothing is to be changed.
    list of str
        Sentences on what was guessed or changed.

    Raises
    ------
    DataError
        If the file is empty or is no text; the message names the line.
    """
    data, notes = _utf8(data, place)
    ending = data[-ENDING:]
    if not ending.rstrip(BLANK) and not data.strip(BLANK):
        raise EmptyTableError(f"'{place}' is empty; it needs a header and rows")
    if DOS_END in ending[len(ending.rstrip(BLANK)) :]:
        data = data[: len(data) - len(ending)] + ending.rstrip(BLANK) + b"\n"
        notes.append("the end mark of DOS (0x1A) at the end of the file was left out")
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
        notes.append("the lines end with a carriage return alone, as on old Macs")
    return data, notes


def _utf8(data: bytes, place: str) -> tuple[bytes, list[str]]:
    for mark, name in MARKS:
        if data.startswith(mark):
            return _transcoded(data, name, place), [f"the file is in {name}, as its byte order mark says"]
    data = data.removeprefix(codecs.BOM_UTF8)
    unmarked = _unmarked_utf16(data[:SAMPLE])
    if unmarked:
        told = "the file has no byte order mark, and was read as UTF-16 because every second byte is 0"
        return _transcoded(data, unmarked, place), [f"{told}; save it in UTF-8 if letters look wrong"]
    if b"\0" in data:
        _refuse_byte(data, data.index(b"\0"), place, "a NUL byte")
    fault = first_fault(data)
    if fault is None:
        return data, []
    if control := CONTROL.search(data):
        _refuse_byte(data, control.start(), place, f"the control byte 0x{data[control.start()]:02x}")
    encoding = _guessed(data[data.rfind(b"\n", 0, fault) + 1 :][:SAMPLE])
    line, name = line_at(data, fault), NAMES.get(encoding, encoding)
    note = (
        f"the file is not in UTF-8 (line {line}, byte 0x{data[fault]:02x}) and was read as {name}; save it in UTF-8 "
        "if letters look wrong"
    )
    try:
        return data.decode(encoding).encode(), [note]
    except UnicodeDecodeError:
        raise DataError(
            f"'{place}', line {line}: byte 0x{data[fault]:02x} is not UTF-8; save the file in UTF-8"
        ) from None


def _unmarked_utf16(sample: bytes) -> str | None:
    """Name of the kind of UTF-16 whose texts have the zeros of a sample; None: the sample is no such text."""
    zeros = [sample[place::2].count(0) / max(len(sample[place::2]), 1) for place in (0, 1)]
    if max(zeros) < LEAST_ZEROS or min(zeros) > MOST_ZEROS:
        return None
    name = "UTF-16-BE" if zeros[0] > zeros[1] else "UTF-16-LE"
    text = sample[: len(sample) // 2 * 2].decode(name, errors="replace").encode(errors="replace")
    return None if CONTROL.search(text) else name


def _transcoded(data: bytes, name: str, place: str) -> bytes:
    try:
        return data.decode(name).encode()
    except UnicodeDecodeError as error:
        raise DataError(f"'{place}' is cut off or damaged: its end is no {name} ({error.reason})") from None


def first_fault(data: bytes) -> int | None:
    """Position of the first byte that is not UTF-8; None: all bytes are."""
    if data.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), PIECE):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + PIECE], final=start + PIECE >= len(data))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


def _guessed(sample: bytes) -> str:
    """Windows-1252 for text with single accented letters, otherwise the encoding that gives the best letters."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    if max(runs) <= 2 and _decodes(sample, WESTERN):
        return WESTERN
    best = from_bytes(sample, cp_isolation=list(FOREIGN)).best()
    return best.encoding if best is not None else WESTERN


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_byte(data: bytes, position: int, place: str, byte: str) -> None:
    raise DataError(
        f"'{place}', line {line_at(data, position)}: the file holds {byte}, so it is no text; give a table as CSV, "
        "Parquet, Excel or JSON lines"
    )


def line_at(data: bytes, position: int) -> int:
    """Number of the line (from 1) of the byte at a position."""
    return len((data[:position] + b"x").splitlines())
