"""Which number of a date is the day, and which the month: decided by the whole column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tasks.datasets.dates.matches import Match, moments_of
from tasks.datasets.dates.moments import Times
from tasks.datasets.dates.orders import DAY_FIRST, MONTH_FIRST, ORDERS, YEAR_FIRST, Order

FEWEST_ORDERED = 3  # smallest number of different dates whose order in the table says something


@dataclass(frozen=True)
class Settled:
    """The order of the numbers of the dates in a column.

    Parameters
    ----------
    order : Order
        The order.
    reason : str
        Why this order was chosen of several that fit; empty if only this order fits the values.
    others : tuple of Order
        The other orders that fit the values.
    """

    order: Order
    reason: str = ""
    others: tuple[Order, ...] = ()


@dataclass(frozen=True)
class UnsettledDates:
    """A column of dates that can be read in several orders.

    Parameters
    ----------
    matches : sequence of Match
        The matches whose order is open.
    codes : numpy.ndarray of intp, shape (rows,)
        Place of each row's text among the different texts; -1 for a missing cell.
    count : int
        Number of different texts.
    orders : tuple of Order
        The orders that fit.
    """

    matches: Sequence[Match]
    codes: npt.NDArray[np.intp]
    count: int
    orders: tuple[Order, ...]

    def days(self, order: Order) -> Times:
        """The different texts as days (datetime64[us]) in an order."""
        return moments_of(self.matches, order, self.count).wall

    def is_sorted(self, order: Order) -> bool:
        """Whether the rows are in order of time."""
        times = self.days(order)[self.codes[self.codes >= 0]]
        steps = np.diff(times[~np.isnat(times)].astype(np.int64))
        is_monotonic = bool((steps >= 0).all() or (steps <= 0).all())
        return is_monotonic and bool(np.count_nonzero(steps) + 1 >= FEWEST_ORDERED)

    @cached_property
    def fields(self) -> dict[str, npt.NDArray[np.int64]]:
        """The different values of the first, the second and the third number."""
        names = {name for match in self.matches for name in match.values}
        return {
            name: np.unique(np.concatenate([m.values[name] for m in self.matches if name in m.values]))
            for name in names
        }


Rule = Callable[[UnsettledDates], Order | None]


def settle(
    matches: Sequence[Match], codes: npt.NDArray[np.intp], count: int, day_first: bool | None = None
) -> Settled | None:
    """Decide the order of day, month and year.

    Parameters
    ----------
    matches : sequence of Match
        The different texts of a column by their form.
    codes : numpy.ndarray of intp, shape (rows,)
        Place of each row's text among the different texts; -1 for a missing cell.
    count : int
        Number of different texts.
    day_first : bool, optional
        Order that the user names for columns that can be read in several orders.

    Returns
    -------
    Settled or None
        The order, which is the one that fits most texts; None if no text leaves the order open.
    """
    unsettled = [match for match in matches if match.form.is_open]
    if not unsettled:
        return None
    fits = {order: _dates_in(unsettled, order) for order in ORDERS}
    orders = tuple(order for order in ORDERS if fits[order] == max(fits.values()))
    if len(orders) == 1:
        return Settled(orders[0])
    doubt = UnsettledDates(unsettled, codes, count, orders)
    named = {None: None, True: DAY_FIRST, False: MONTH_FIRST}[day_first]
    rules: tuple[tuple[Rule, str], ...] = ((lambda _: named, "as --date-order says"), *RULES)
    order, reason = next((order, reason) for rule, reason in rules if (order := rule(doubt)) in orders)
    return Settled(order, reason, tuple(other for other in orders if other is not order))


def _dates_in(matches: Sequence[Match], order: Order) -> int:
    return sum(int((~np.isnat(match.days(order))).sum()) for match in matches)


def _in_order_of_time(doubt: UnsettledDates) -> Order | None:
    is_sorted = [order for order in doubt.orders if doubt.is_sorted(order)]
    return is_sorted[0] if len(is_sorted) == 1 else None


def _years_that_repeat(doubt: UnsettledDates) -> Order | None:
    """The year comes first if the first number takes fewer values than the third."""
    first, third = doubt.fields["first"], doubt.fields.get("third", ())
    return YEAR_FIRST if len(first) < len(third) else None


def _monthly(doubt: UnsettledDates) -> Order | None:
    """The number that is always 1 is the day if the months of several years differ."""
    first, second = doubt.fields["first"], doubt.fields["second"]
    years = np.unique(doubt.days(DAY_FIRST).astype("M8[Y]"))
    if len(years[~np.isnat(years)]) < 2:
        return None
    for order, days, months in ((DAY_FIRST, first, second), (MONTH_FIRST, second, first)):
        if days.tolist() == [1] and len(months) > 1:
            return order
    return None


def _american(doubt: UnsettledDates) -> Order | None:
    """The month comes first where times have AM or PM and slashes part the numbers."""
    halves = [match for match in doubt.matches if match.has_halves]
    return MONTH_FIRST if any(match.form.has_slashes for match in halves) else None


def _usual(doubt: UnsettledDates) -> Order | None:
    return doubt.orders[0]


RULES: tuple[tuple[Rule, str], ...] = (
    (_in_order_of_time, "because the rows are then in order of time"),
    (_years_that_repeat, "because the first number takes fewer values than the last"),
    (_monthly, "because the dates are then firsts of months"),
    (_american, "because the times have AM and PM"),
    (_usual, "because most countries write dates so"),
)
"""What decides between several orders, the strongest reason first."""
