"""Faults of a store are told in plain words."""

import errno
import os

import pytest

from infra.store_errors import reason_of

START = "When getting information for key 'a' in bucket 'b': AWS Error "


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OSError(f"{START}NO_SUCH_BUCKET during HeadObject operation: It is not there (Request ID: 1x)"),
            "the store has no bucket of this name (NO_SUCH_BUCKET)",
        ),
        (
            OSError(f"{START}UNKNOWN during HeadObject operation: I am a teapot."),
            "I am a teapot. (UNKNOWN)",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x"), "No space left on device"),
        (OSError("no  space"), "no space"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_fault_is_told_in_plain_words(error: OSError, expected: str) -> None:
    assert reason_of(error) == expected
