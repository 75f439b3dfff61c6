"""The log of a flow run that ends as Failed."""

import logging

import pytest
from prefect.exceptions import FailedRun

from flows.failing import RUN_LOGGER, log_failures_in_one_sentence


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (FailedRun("no file 'a 100% b.csv'"), "no file 'a 100% b.csv'"),
        (ValueError("a fault of the program"), "Engine execution exited\nTraceback"),
    ],
)
def test_the_cause_of_a_failed_state_is_logged_without_a_traceback_and_other_errors_with_theirs(
    error: Exception, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_failures_in_one_sentence()
    try:
        raise error
    except type(error):
        logging.getLogger(RUN_LOGGER).exception("Engine execution exited")
    [record] = caplog.records
    assert logging.Formatter().format(record).startswith(shown)
    assert record.levelno == logging.ERROR


def test_the_filter_is_added_once() -> None:
    log_failures_in_one_sentence()
    log_failures_in_one_sentence()
    found = [type(each).__name__ for each in logging.getLogger(RUN_LOGGER).filters]
    assert found.count("FailureInOneSentence") == 1
