"""Columns of numbers: words among numbers, missing values, and numbers that stand for a missing value."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.missing import sentinel
from tasks.datasets.options import ReadingOptions
from tests.tasks.datasets.tables import ROWS, cleaned, column, refusal, written

NUMBERS = [f"{i * 0.37:.2f}" for i in range(40)]


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    content = ("a,b,y\n" + ROWS).replace(",", ";").replace(".", ",")
    wanted = cleaned(written(tmp_path, "a,b,y\n" + ROWS)).features
    pd.testing.assert_frame_equal(cleaned(written(tmp_path, content)).features, wanted)


def test_text_among_numbers_is_given_by_column_and_line(tmp_path: Path) -> None:
    mistakes = "".join(f"1,{word},no\n" for word in ("12o", "3-4", "5,,".replace(",", "q")))
    message = refusal(written(tmp_path, "a,b,y\n" + ROWS + mistakes + ROWS))
    assert "line 32: column 'b' holds '12o' (line 32), '3-4' (line 33), '5qq' (line 34)" in message
    assert "where numbers belong (3 of 63 values are text)" in message
    assert "--missing" in message


def test_numbers_equal_what_pandas_reads(tmp_path: Path) -> None:
    cells = [
        "1",
        " 2 ",
        "-3.25",
        "+4e2",
        ".5",
        "6.",
        "0.1",
        "inf",
        "-Infinity",
        "1e999",
        "123456789.123456789",
    ]
    blank = ["NA", "", "?", "nan", "null"]
    read = column(tmp_path, [*cells, *blank]).features["a"]
    expected = [float(cell) for cell in cells] + [np.nan] * len(blank)
    np.testing.assert_array_equal(read, np.where(np.isinf(expected), np.nan, expected))


@pytest.mark.parametrize("name", ["diabetes", "burger-king"])
def test_bundled_tables_equal_what_pandas_reads(name: str) -> None:
    source = resolve(name)
    features, oracle = cleaned(source, folds=10).features, pd.read_csv(source.path)
    for each in features:
        wanted = oracle[each].astype(float).mask(oracle[each] == source.not_measured.get(each))
        np.testing.assert_array_equal(features[each], wanted)


@pytest.mark.parametrize(
    "word",
    ["-", "None", "<NA>", ".", "N.A.", "n.a.", "#DIV/0!", "#N/A N/A", "unknown", "Missing", "k.A.", "TBD"],
)
def test_a_usual_word_for_missing_is_missing_and_told(tmp_path: Path, word: str) -> None:
    found = column(tmp_path, [*NUMBERS, *[word] * 60])
    assert found.recipe.numeric == ["a"]
    assert found.features["a"].isna().sum() == 60
    assert f"a: 60 cells hold '{word}', now missing" in found.notes


def test_the_null_of_databases_is_missing_among_texts_too(tmp_path: Path) -> None:
    found = column(tmp_path, ["red", "green", "\\N", "blue", "red"] * 8)
    assert found.features["a"].isna().sum() == 8
    assert "a: 8 of 40 cells are missing" in found.notes


def test_one_or_two_unknown_words_among_many_numbers_are_missing_and_told(tmp_path: Path) -> None:
    found = column(tmp_path, [*NUMBERS, "sold out", "sold out", "closed", "1.5"])
    assert found.features["a"].isna().sum() == 3
    assert "a: 2 cells hold 'sold out' and 1 cell holds 'closed', now missing" in found.notes


def test_codes_of_a_few_numbers_and_a_word_are_a_category_and_told(tmp_path: Path) -> None:
    found = column(tmp_path, ["1", "2", "3", "4", "K"] * 20)
    assert found.recipe.categorical == ["a"]
    assert sorted(found.features["a"].cat.categories) == ["1", "2", "3", "4", "K"]
    assert "a: read as texts, because 20 cells hold 'K' among 80 numbers" in found.notes


def test_many_words_among_numbers_are_texts(tmp_path: Path) -> None:
    tickets = [f"A/5 {i}" if i % 4 == 0 else str(110_000 + 7 * i) for i in range(120)]
    found = column(tmp_path, tickets)
    assert found.recipe.texts == ["a"]
    assert any("read as texts, because" in note and "among 90 numbers" in note for note in found.notes)


def test_words_that_the_user_names_are_missing(tmp_path: Path) -> None:
    cells = [*NUMBERS, "gone", "away", "lost", "7777"]
    with pytest.raises(DataError, match="holds 'gone'"):
        column(tmp_path, cells)
    options = ReadingOptions(missing=("gone", "away", "lost", "7777"))
    assert column(tmp_path, cells, options).features["a"].isna().sum() == 4


@pytest.mark.parametrize("number", ["-999", "-9999.0", "9999"])
def test_a_number_far_from_all_others_that_repeats_is_missing_and_told(tmp_path: Path, number: str) -> None:
    cells = [*NUMBERS, *[number] * 20]
    found = column(tmp_path, cells)
    assert found.features["a"].isna().sum() == 20
    assert f"a: 20 values {float(number):g} are 'not measured', now missing" in found.notes
    kept = column(tmp_path, cells, ReadingOptions(keep_column=("a",)))
    assert kept.features["a"].isna().sum() == 0


@pytest.mark.parametrize(
    "numbers",
    [
        [*np.linspace(-1200, 500, 50), -999.0, -999.0],  # among the others
        [*np.linspace(0, 5, 50), -999.0],  # stands once
        [0.0, 1.0, -99.0, -99.0],  # too few other values to tell
        [*np.linspace(0, 5, 50), -998.0, -998.0],  # a number that nobody chooses for "missing"
    ],
)
def test_measured_numbers_are_not_taken_for_missing_ones(numbers: list[float]) -> None:
    assert sentinel(np.array(numbers)) is None


def test_a_mix_of_units_is_no_number_and_told(tmp_path: Path) -> None:
    cells = [f"{i % 17 + 1} kg" if i % 2 else f"{i % 13 + 300} g" for i in range(60)]
    found = column(tmp_path, cells)
    assert found.recipe.numeric == []
    assert "a: read as texts, because its numbers have different units ('g', 'kg')" in found.notes


def test_a_way_of_writing_is_told_with_an_example(tmp_path: Path) -> None:
    found = column(tmp_path, ["$1,234.50", "$7.25", "$12.00", "$99.99"] * 5)
    assert "a: '$1,234.50' is read as 1234.5" in found.notes


def test_letters_that_multiply_are_told(tmp_path: Path) -> None:
    found = column(tmp_path, ["7.7k", "4699", "1,200", "12.25k"] * 5)
    told = "a: '7.7k' is read as 7700; a letter such as k or M behind a number multiplies the number"
    assert told in found.notes
    assert found.features["a"].max() == 12250


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["2.6%", "0.045", "3.5%", "0.5"], "'2.6%' is read as 0.026; a percent sign divides by 100"),
        (
            ["2.6%", "4.5", "3.5%", "3"],
            "'2.6%' is read as 2.6; numbers without the percent sign are taken for percent",
        ),
    ],
)
def test_percent_signs_beside_plain_numbers_are_told_with_a_warning(
    tmp_path: Path, cells: list[str], told: str
) -> None:
    assert any(note.startswith(f"a: warning: {told}") for note in column(tmp_path, cells * 5).notes)


def test_percent_signs_beside_numbers_of_another_size_are_texts(tmp_path: Path) -> None:
    found = column(tmp_path, [*(f"{i + 50}%" for i in range(40)), *(f"{i / 7 + 1.5:.2f}" for i in range(20))])
    assert found.recipe.numeric == []
    assert "a: read as texts, because its numbers have different units (no unit, '%')" in found.notes


def test_an_ambiguous_mark_is_told_with_the_flag_that_decides(tmp_path: Path) -> None:
    cells = ["2.332", "7.411", "1.682", "3.917"] * 5
    note, *_ = column(tmp_path, cells).notes
    assert note.startswith("a: '2.332' is read as 2.332; nothing in the table tells")
    assert "--decimal-mark comma" in note
    decided = column(tmp_path, cells, ReadingOptions(decimal_mark="comma"))
    assert decided.features["a"].max() == 7411
