"""Numbers in all the ways in which people write them read back as the same numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.datasets.marks import Hints
from tasks.datasets.number_style import NumberStyle
from tasks.datasets.numerals import NumberReading, holds_words, read_numbers

NAN = np.nan


def reading(cells: list[str | None], **hints: Any) -> NumberReading:
    return read_numbers(pa.chunked_array([pa.array(cells, pa.large_string())]), Hints(**hints))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,512", "0,556", "-0,274"], [1.512, 0.556, -0.274]),
        (["1.234,56", "2,5", "1.020,78"], [1234.56, 2.5, 1020.78]),
        (["1,234.5", "$5", "-$3", "($7)"], [1234.5, 5, -3, -7]),
        (["−0.27", "1.5", "–2"], [-0.27, 1.5, -2]),
        (["(1,234)", "5.5", "12-"], [-1234, 5.5, -12]),
        (["12.5%", "3 %", None], [12.5, 3, NAN]),
        (["36 months", "1 month"], [36, 1]),
        (["1.2k", "3M", "4"], [1200, 3e6, 4]),
        (["1 234,5", "12"], [1234.5, 12]),
        (["1\u202f234,5", "12"], [1234.5, 12]),
        (["1’234.5", "1'000"], [1234.5, 1000]),
        (["EUR 1.234,00", "EUR 2,50"], [1234, 2.5]),
        (["1 234 USD", "5 USD"], [1234, 5]),
        (["R$ 1.234,50", "R$ 0,99"], [1234.5, 0.99]),
        (["1,23,456", "5"], [123456, 5]),
        (["1.234.567", "12"], [1234567, 12]),
        (["1234", "1.234"], [1234, 1.234]),
        (["2.332", "682", "1.020"], [2332, 682, 1020]),
        (["3,339", "682", "1,020"], [3339, 682, 1020]),
        (["inf", "-Infinity", "1"], [np.inf, -np.inf, 1]),
        (["37.5 °C", "38 °C"], [37.5, 38]),
        (["5 km/h", "7,5 km/h"], [5, 7.5]),
        ([None, None], [NAN, NAN]),
    ],
)
def test_numbers_as_they_are_written(cells: list[str | None], numbers: list[float]) -> None:
    found = reading(cells)
    np.testing.assert_array_equal(found.numbers, numbers)
    assert not found.is_word.any()


@pytest.mark.parametrize(
    "cells",
    [
        ["192.168.0.1", "10.0.0.1"],
        ["S049", "S031"],
        ["31.12.2024", "01.01.2023"],
        ["555-1234", "555-9876"],
        ["1.2.3", "2.0.1"],
        ["12:30", "09:15"],
        ["5 kg", "300 g"],
        ["1st class", "2nd class"],
        ["10-20", "20-30"],
        ["<5", ">10"],
    ],
)
def test_what_only_looks_like_numbers_is_no_number(cells: list[str | None]) -> None:
    assert reading(cells).is_word.all()


def test_a_mark_that_can_be_read_in_two_ways_is_decided_by_the_user_the_training_or_the_table() -> None:
    cells: list[str | None] = ["2.332", "7.411"]
    comma = NumberStyle(decimal=",", thousands=".")
    for hints in ({"chosen": ","}, {"trained": comma}, {"table": lambda: ","}):
        assert list(reading(cells, **hints).numbers) == [2332, 7411]
    assert list(reading(cells).numbers) == [2.332, 7.411]
    assert "--decimal-mark comma" in reading(cells).doubt
    assert reading(cells, chosen=".", table=lambda: ",").numbers[0] == 2.332
    assert reading(cells, trained=comma).doubt == ""


def test_many_numbers_of_three_decimals_beside_small_whole_numbers_have_a_thousands_mark() -> None:
    cells: list[str | None] = [f"{i}.{i * 7 % 900 + 101 - i * 7 % 900 % 10 + 3}" for i in range(1, 60)]
    assert all(cell and len(cell.partition(".")[2]) == 3 for cell in cells)
    found = reading([*cells, "682"])
    assert found.style.thousands == "."
    assert "thousands mark" in found.doubt


GROUPED = {
    "american": lambda x: f"{x:,.2f}",
    "german": lambda x: f"{x:,.2f}".translate(str.maketrans(",.", ".,")),
    "french": lambda x: f"{x:,.2f}".translate(str.maketrans(",.", "\u202f,")),
    "swiss": lambda x: f"{x:,.2f}".replace(",", "’"),
    "plain": lambda x: f"{x:.2f}",
    "comma": lambda x: f"{x:.2f}".replace(".", ","),
    "scientific": lambda x: f"{x:.16e}",
}
WRAPPED: dict[str, Callable[[str], str]] = {
    "nothing": str,
    "dollar": lambda text: f"-${text[1:]}" if text.startswith("-") else f"${text}",
    "euro": lambda text: f"{text} €",
    "percent": lambda text: f"{text}%",
    "unit": lambda text: f"{text} kg",
    "unicode minus": lambda text: text.replace("-", "−"),
    "accounting": lambda text: f"({text[1:]})" if text.startswith("-") else text,
}


@settings(max_examples=200, deadline=None, database=None)
@given(
    numbers=st.lists(st.integers(-(10**11), 10**11).map(lambda cents: cents / 100), min_size=3, max_size=30),
    group=st.sampled_from(sorted(GROUPED)),
    wrap=st.sampled_from(sorted(WRAPPED)),
)
def test_every_style_reads_back_as_the_same_numbers(numbers: list[float], group: str, wrap: str) -> None:
    write, around = GROUPED[group], WRAPPED[wrap]
    cells: list[str | None] = [around(write(number)) for number in numbers]
    if wrap in ("unicode minus", "accounting") and group == "scientific":
        cells = [write(number) for number in numbers]  # an exponent has a minus of its own
    found = reading(cells)
    np.testing.assert_array_equal(
        found.numbers,
        np.array([float(write(n).replace(",", ".")) if group == "scientific" else n for n in numbers]),
    )
    assert found.doubt == ""


WORDS = ["red", "2024-01-31", "1:30", "x"]
CELLS = st.sampled_from([None, "1", "2.5", "1,5", "$5", "1.000", "3 kg", "inf", "12-", *WORDS])


@given(cells=st.lists(CELLS, max_size=6))
def test_a_text_that_is_no_number_in_any_style_is_a_word(cells: list[str | None]) -> None:
    if holds_words(pa.chunked_array([pa.array(cells, pa.large_string())])):
        assert reading(cells).is_word.any()
    else:
        assert not set(cells) & set(WORDS)
