"""Trying again a bounded number of times, and waiting for a bounded time."""

import time
from collections.abc import Callable

import pytest

from infra.retrying import retry, wait_until


def failing(*answers: object) -> Callable[[], object]:
    """Return a function that gives or raises these answers one after the other."""
    left = iter(answers)

    def answer() -> object:
        value = next(left)
        if isinstance(value, Exception):
            raise value
        return value

    return answer


def test_the_first_success_is_returned_and_each_failure_is_reported() -> None:
    reports: list[tuple[str, int]] = []
    call = failing(OSError("one"), OSError("two"), 7, 8)
    assert retry(call, tries=3, on=OSError, failed=lambda e, left: reports.append((str(e), left))) == 7
    assert reports == [("one", 2), ("two", 1)]


def test_the_last_failure_is_raised() -> None:
    reports: list[int] = []
    call = failing(OSError("one"), OSError("two"), 7)
    with pytest.raises(OSError, match="two"):
        retry(call, tries=2, on=OSError, failed=lambda _, left: reports.append(left))
    assert reports == [1, 0]


def test_another_error_ends_the_tries_at_once() -> None:
    with pytest.raises(ValueError, match="other"):
        retry(failing(ValueError("other"), 7), tries=3, on=OSError, failed=lambda *_: None)


def test_no_try_is_refused() -> None:
    with pytest.raises(ValueError, match="tries=0"):
        retry(failing(7), tries=0, on=OSError, failed=lambda *_: None)


def test_waiting_ends_with_the_first_true_answer() -> None:
    assert wait_until(failing("", "ready", "later"), limit_s=60, every_s=0) == "ready"


def test_waiting_ends_when_the_time_is_over_with_the_last_answer() -> None:
    begun = time.monotonic()
    assert wait_until(lambda: "", limit_s=0.1, every_s=0.02) == ""
    assert 0.1 <= time.monotonic() - begun < 5


def test_without_time_the_question_is_asked_once() -> None:
    assert wait_until(failing(0, 1), limit_s=0, every_s=0) == 0


def test_an_error_of_the_question_ends_the_wait() -> None:
    with pytest.raises(OSError, match="gone"):
        wait_until(failing(None, OSError("gone")), limit_s=60, every_s=0)
