"""Numbers in all the ways in which people write them read back as the same numbers."""

from collections.abc import Callable
from decimal import Decimal
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
        (["$900k", "$1.2M", "$950", "-$2k"], [9e5, 1.2e6, 950, -2000]),
        (["900K€", "1.2M€"], [9e5, 1.2e6]),
        (["EUR 3.5 M", "EUR 2 M"], [3.5e6, 2e6]),
        (["7.7k", "4699", "12"], [7700, 4699, 12]),
        (["1.2M", "850000", "0"], [1.2e6, 850000, 0]),
        (["7,7k", "4699,5"], [7700, 4699.5]),
        (["1,234k", "4,699,123"], [1234e3, 4699123]),
        (["2.6%", "0.045", "-1.5 %", "0"], [0.026, 0.045, -0.015, 0]),
        (["30%", "0.9", "1"], [0.3, 0.9, 1]),
        (["12.5%", "3", "7.5%"], [12.5, 3, 7.5]),
        (["0.5%", "0.25", "0.7%"], [0.5, 0.25, 0.7]),
        (["12.5%", "0", "7.5%"], [12.5, 0, 7.5]),
        (["5m", "12", "7m"], [5, 12, 7]),
        (["300 K", "295"], [300, 295]),
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


@pytest.mark.parametrize(
    ("cells", "units"),
    [
        (["5 kg", "300 g"], ("g", "kg")),
        (["12B", "14", "9B", "11"], ("", "B")),
        (["150%", "3.5", "80%", "4"], ("", "%")),
        (["5%", "3k"], ("%", "k")),
        (["$5k", "€7k"], ("$k", "€k")),
    ],
)
def test_numbers_of_different_units_are_no_numbers(cells: list[str | None], units: tuple[str, ...]) -> None:
    found = reading(cells)
    assert found.units == units
    assert list(found.is_word) == [
        not cell or (not cell.isdecimal() and cell not in ("3.5",)) for cell in cells
    ]


def test_numbers_are_scaled_as_in_the_training_table() -> None:
    for cells, numbers in ((["7.7k"], [7700]), (["2%", "3%"], [0.02, 0.03]), (["5m"], [5e6]), (["12"], [12])):
        cells_of_use: list[str | None] = list(cells)
        assert list(reading(cells_of_use, trained=NumberStyle(is_scaled=True)).numbers) == numbers
    assert list(reading(["7.7k", "12k"], trained=NumberStyle(unit="k")).numbers) == [7.7, 12]
    assert list(reading(["2.6%", "0.045"], trained=NumberStyle(unit="%")).numbers) == [2.6, 0.045]


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


@settings(max_examples=200)
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


@settings(max_examples=100)
@given(
    numbers=st.lists(st.integers(-(10**9), 10**9), min_size=3, max_size=30),
    letters=st.lists(st.sampled_from(["", "k", "M", "bn"]), min_size=30, max_size=30),
    money=st.sampled_from(["", "$", "EUR "]),
)
def test_numbers_with_letters_that_multiply_read_back_as_the_same_numbers(
    numbers: list[int], letters: list[str], money: str
) -> None:
    powers = {"": 0, "k": 3, "M": 6, "bn": 9}
    cells: list[str | None] = [
        money + f"{Decimal(number).scaleb(-powers[letter]):f}{letter}"
        for number, letter in zip(numbers, ["k", "M", *letters], strict=False)
    ]
    found = reading(cells)
    np.testing.assert_array_equal(found.numbers, numbers)
    assert found.style.is_scaled
