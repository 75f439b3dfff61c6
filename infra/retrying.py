"""Retry a call a bounded number of times, and wait for a condition for a bounded time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def retry(
    call: Callable[[], T],
    *,
    tries: int,
    on: type[BaseException] | tuple[type[BaseException], ...],
    failed: Callable[[BaseException, int], object],
) -> T:
    """Call a function until it succeeds, at most a bounded number of times.

    Parameters
    ----------
    call : callable
        The work: a function without arguments.
    tries : int
        Largest number of calls, including the first call.
    on : exception type or tuple of exception types
        Errors after which the work is tried again; any other error is raised at once.
    failed : callable
        Function that is called as `failed(error, tries_left)` after each failed call, including the last call. The
        function logs, waits or repairs the cause; an exception that the function raises ends the tries.

    Returns
    -------
    object
        Result of the first successful call.

    Raises
    ------
    BaseException
        The error of the last call, if every call failed and `failed` raised nothing else.

    Examples
    --------
    >>> answers = iter([OSError("busy"), 7])
    >>> def ask():
    ...     answer = next(answers)
    ...     if isinstance(answer, OSError):
    ...         raise answer
    ...     return answer
    >>> retry(ask, tries=3, on=OSError, failed=lambda error, left: print(f"{error}, {left} tries left"))
    busy, 2 tries left
    7
    """
    for tries_left in reversed(range(tries)):
        try:
            return call()
        except on as error:
            failed(error, tries_left)
            if not tries_left:
                raise
    raise ValueError(f"tries={tries}: at least 1 is needed")


def wait_until(answer: Callable[[], T], *, limit_s: float, every_s: float) -> T:
    """Call a function at regular intervals until its answer is true or the time is over.

    Parameters
    ----------
    answer : callable
        Question to ask: a function without arguments. It is called at least once; an exception that it
        raises ends the wait.
    limit_s : float
        Seconds after which the function is not called again.
    every_s : float
        Seconds between two calls.

    Returns
    -------
    object
        The last answer, which is false if the time was over before the answer became true.

    Examples
    --------
    >>> answers = iter([None, None, "ready"])
    >>> wait_until(lambda: next(answers), limit_s=5, every_s=0.01)
    'ready'
    """
    deadline = time.monotonic() + limit_s
    while not (given := answer()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return given
