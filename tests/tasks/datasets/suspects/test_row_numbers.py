"""Columns that number the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.suspects import row_numbers
from tasks.datasets.suspects.finding import HEAD

SHUFFLED = np.random.default_rng(0).permutation(1_000)[:50].astype(float)
INDEXES = (
    "", "Unnamed: 0", "Unnamed: 0.1", "Unnamed: 0_level_0", "__index_level_0__", "level_0", "index", "Index", "#", "Id",
    "ID", "id", "row", "rownum", "row_id", "Row Number", "row.names", "PassengerId", "customer_id", "CustomerID",
    "id_customer", "S. No.", "record-ID",
)  # fmt: skip
MEASURES = (
    "price",
    "population",
    "timestamp",
    "paid",
    "humid",
    "grid",
    "COVID",
    "ideal",
    "X",
    "width",
    "indexed price",
)


def names(**columns: object) -> list[str]:
    return [suspect.name for suspect in row_numbers(pd.DataFrame(columns))]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", ["X", "day", "Id"])
def test_a_column_of_any_name_that_counts_the_rows_is_found(name: str, start: int) -> None:
    [found] = row_numbers(pd.DataFrame({name: np.arange(50.0) + start, "a": SHUFFLED}))
    assert (found.name, found.reason) == (name, "it only counts the rows")


@pytest.mark.parametrize("name", INDEXES)
def test_different_whole_numbers_under_the_name_of_an_index_are_found_in_any_order(name: str) -> None:
    for values in (SHUFFLED, np.sort(SHUFFLED)):
        [found] = row_numbers(pd.DataFrame({name: values}))
        assert found.name == name
        assert found.reason == "it has the name of an index, and its 50 whole numbers are all different"


@pytest.mark.parametrize("name", MEASURES)
def test_different_whole_numbers_of_another_name_may_be_measured(name: str) -> None:
    for values in (SHUFFLED, np.sort(SHUFFLED), np.arange(50.0) + 7, np.arange(50.0)[::-1]):
        assert row_numbers(pd.DataFrame({name: values})) == []


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(50) == 9, SHUFFLED[0], SHUFFLED),
        np.where(np.arange(50) == 9, np.nan, SHUFFLED),
        SHUFFLED + 0.5,
        np.where(np.arange(50) == 9, np.inf, SHUFFLED),
    ],
    ids=["repeated", "missing", "fractions", "infinite"],
)
def test_an_identifier_has_different_whole_numbers_in_all_rows(values: np.ndarray) -> None:
    assert names(id=values) == []


def test_what_differs_only_behind_the_first_rows_is_seen() -> None:
    values = np.arange(HEAD + 10.0)
    values[-1] = values[-2]
    assert names(Id=values, day=values) == []


def test_texts_and_single_rows_number_nothing() -> None:
    assert names(id=pd.Categorical(["1", "2", "3"])) == []
    assert names(id=[1.0]) == []


@given(st.permutations(range(12)), st.sampled_from(["Unnamed: 0", "weight"]))
def test_a_permutation_is_an_index_by_its_name_or_by_its_order(order: list[int], name: str) -> None:
    is_found = name == "Unnamed: 0" or order == list(range(12))
    assert bool(row_numbers(pd.DataFrame({name: np.array(order, dtype=float)}))) is is_found
