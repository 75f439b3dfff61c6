"""The different texts of a column, and the text of each row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.raw import RawColumn, is_number

NOTHING = r"^0[0/.: T-]*$"  # a date of zeros, for example 0000-00-00, as some databases write a missing date
LARGEST = 10**15  # numbers above are no dates, and not all of them are whole numbers of 64 bits


@dataclass(frozen=True)
class Cells:
    """A column of texts.

    Parameters
    ----------
    texts : pyarrow.Array of large_string, shape (n,)
        The different texts.
    codes : numpy.ndarray of intp, shape (rows,)
        Place of each row's text among the different texts; -1 for a missing cell.
    """

    texts: pa.Array
    codes: npt.NDArray[np.intp]

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        """Number of rows with each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @cached_property
    def is_nothing(self) -> npt.NDArray[np.bool_]:
        """Mask of the texts that are dates of zeros."""
        mask: npt.NDArray[np.bool_] = pc.match_substring_regex(self.texts, NOTHING).to_numpy(False)
        return mask

    def first_row(self, mask: npt.NDArray[np.bool_]) -> int | None:
        """The first row whose text is in the mask of texts; None without such a row."""
        rows = np.append(mask, False)[self.codes]
        return int(rows.argmax()) if rows.any() else None


def cells_of(raw: RawColumn) -> Cells:
    """The texts of a column of texts, or of a column of whole numbers.

    Raises
    ------
    DataError
        If the column holds neither texts nor whole numbers; the message names the file and the column.
    """
    encoded = raw.encoded if raw.holds_texts else _whole_numbers(raw).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.intp)
    return Cells(encoded.dictionary, codes)


def _whole_numbers(raw: RawColumn) -> pa.Array:
    if not (is_number(raw.values.type) or pa.types.is_null(raw.values.type)):
        raw.refuse_type("dates")
    numbers = raw.numbers
    is_strange = ~(np.isnan(numbers) | ((numbers == np.floor(numbers)) & (np.abs(numbers) < LARGEST)))
    if is_strange.any():
        raw.refuse_cell(int(is_strange.argmax()), "where a date belongs")
    return pa.array(numbers, from_pandas=True).cast(pa.int64()).cast(pa.large_string())
