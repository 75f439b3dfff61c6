"""What the log of a flow run says when the run ends as Failed: one sentence, without a traceback."""

import logging

from prefect.exceptions import FailedRun

RUN_LOGGER = "prefect.flow_runs"
"""Prefect's logger whose records Prefect shows on the page of a flow run."""


class FailureInOneSentence(logging.Filter):
    """Replaces Prefect's traceback of a Failed state by the message of the state.

    A flow that returns a Failed state has told its cause. In the process of a deployment's run, Prefect's engine then
    raises `FailedRun` by itself and logs the traceback of its own frames as an "unexpected exception". All other
    errors keep their traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, FailedRun):
            record.msg, record.args, record.exc_info = "%s", (error,), None
        return True


FILTER = FailureInOneSentence()


def log_failures_in_one_sentence() -> None:
    """Add the filter to the logger of flow runs in this process; a second call changes nothing."""
    logging.getLogger(RUN_LOGGER).addFilter(FILTER)
