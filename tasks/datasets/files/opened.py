"""A file as it lies on the disk, unpacked if it is compressed; the first bytes tell how, not the name."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn, cast

import pyarrow as pa

from infra.errors import DataError

HEAD_BYTES = 8192
MOST_NAMED = 10  # largest number of members of an archive that a message names
EXCEL_MEMBERS = ("[Content_Types].xml", "mimetype")
"""Members that every zip archive of a spreadsheet has; such an archive is a file and not a packed file."""


@dataclass(frozen=True)
class Opened:
    """A file whose bytes can be read, unpacked if the file is compressed.

    Parameters
    ----------
    path : Path
        The file on the disk.
    name : str
        Name of the file, without the ending of the compression.
    head : bytes
        The first bytes of the unpacked file.
    unpack : callable, optional
        Function that returns all unpacked bytes; None if the file is not compressed.
    notes : tuple of str
        Sentences on what was unpacked.
    """

    path: Path
    name: str
    head: bytes
    unpack: Callable[[], bytes] | None = None
    notes: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Ending of the name, in small letters with a dot."""
        return PurePosixPath(self.name).suffix.lower()

    def content(self) -> bytes:
        """All bytes of the file, unpacked."""
        return self.path.read_bytes() if self.unpack is None else self.unpack()

    def stream(self) -> BinaryIO:
        """The bytes as a stream that can be read at any place."""
        return self.path.open("rb") if self.unpack is None else io.BytesIO(self.unpack())


@dataclass(frozen=True)
class Compression:
    """A way in which a single file is compressed."""

    name: str
    magic: bytes
    suffix: str
    open: Callable[[BinaryIO], BinaryIO]


def _gzip(packed: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.open(packed))


def _bz2(packed: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, bz2.open(packed))


def _lzma(packed: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, lzma.open(packed))


def _zstd(packed: BinaryIO) -> BinaryIO:
    stream: BinaryIO = pa.input_stream(packed, compression="zstd")
    return stream


COMPRESSIONS = (
    Compression("gzip", b"\x1f\x8b", ".gz", _gzip),
    Compression("bzip2", b"BZh", ".bz2", _bz2),
    Compression("xz", b"\xfd7zXZ\0", ".xz", _lzma),
    Compression("zstd", b"\x28\xb5\x2f\xfd", ".zst", _zstd),
)
ZIP = b"PK\x03\x04"
PACKED_SUFFIXES = (*(one.suffix for one in COMPRESSIONS), ".zip")
UNPACKING_ERRORS = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, pa.ArrowException)


def open_file(path: Path) -> Opened:
    """Open a file, and unpack the file if its first bytes are those of a compressed file.

    Raises
    ------
    DataError
        If the file is cut off, is a zip archive of several files, or is protected by a password.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    for compression in COMPRESSIONS:
        if head.startswith(compression.magic):
            return _compressed(path, compression)
    if head.startswith(ZIP) and not _is_spreadsheet(path):
        return _zipped(path)
    return Opened(path, path.name, head)


def plain_name(name: str) -> str:
    """Name of a file without the ending of a compression."""
    ending = PurePosixPath(name).suffix
    return name.removesuffix(ending) if ending.lower() in PACKED_SUFFIXES else name


def _compressed(path: Path, compression: Compression) -> Opened:
    def unpack(size: int = -1) -> bytes:
        try:
            with path.open("rb") as packed, compression.open(packed) as stream:
                return stream.read() if size < 0 else stream.read(size)
        except UNPACKING_ERRORS as error:
            raise _cut_off(path, compression.name, error) from None

    return Opened(path, plain_name(path.name), unpack(HEAD_BYTES), unpack)


def _is_spreadsheet(path: Path) -> bool:
    with _archive(path) as archive:
        return any(name in EXCEL_MEMBERS for name in archive.namelist())


def _zipped(path: Path) -> Opened:
    with _archive(path) as archive:
        files = [one for one in archive.infolist() if not (one.is_dir() or _is_foreign(one.filename))]
        if len(files) != 1:
            _refuse_members(path, [one.filename for one in files])
    (member,) = files
    if member.flag_bits & 1:
        raise DataError(f"'{path}' is protected by a password; unpack it and give the file")

    def unpack(size: int = -1) -> bytes:
        try:
            with _archive(path) as archive, archive.open(member) as stream:
                return stream.read() if size < 0 else stream.read(size)
        except (*UNPACKING_ERRORS, NotImplementedError) as error:
            raise _cut_off(path, "zip", error) from None

    return Opened(path, PurePosixPath(member.filename).name, unpack(HEAD_BYTES), unpack)


def _refuse_members(path: Path, names: Sequence[str]) -> NoReturn:
    if not names:
        raise DataError(
            f"'{path}' is a zip archive without a file; give an archive of one table, or the table itself"
        )
    shown = ", ".join(f"'{name}'" for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    raise DataError(
        f"'{path}' is a zip archive of {len(names):,} files ({shown}{more}), and a table is one file; unpack the "
        "archive and give one of the files, or give the folder if the files are the parts of one table"
    )


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise _cut_off(path, "zip", error) from None


def _is_foreign(member: str) -> bool:
    """Whether a member of an archive was added by a system and not by a person."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member).parts)


def _cut_off(path: Path, name: str, error: BaseException) -> DataError:
    return DataError(f"'{path}' is not a whole {name} file ({str(error).splitlines()[0]}); write it again")
