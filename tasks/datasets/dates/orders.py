"""The orders of day, month and year in a date of numbers, for example 03/04/2024."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Order:
    """An order of the numbers of a date.

    Parameters
    ----------
    name : str
        Name of the order in notes and recipes.
    parts : mapping of str to str
        Part of the date ("day", "month" or "year") of the first, second and third number.
    """

    name: str
    parts: Mapping[str, str]


DAY_FIRST = Order("day first", {"first": "day", "second": "month", "third": "year"})
MONTH_FIRST = Order("month first", {"first": "month", "second": "day", "third": "year"})
YEAR_FIRST = Order("year first", {"first": "year", "second": "month", "third": "day"})
ORDERS = (DAY_FIRST, MONTH_FIRST, YEAR_FIRST)
