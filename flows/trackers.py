"""The connection of a flow to MLflow."""

import logging
import os
from contextlib import ExitStack

from infra.addresses import health_problem
from infra.run_owners import end_orphaned_runs
from infra.settings import Settings
from infra.tracking import Tracker

log = logging.getLogger(__name__)


def open_tracker(stack: ExitStack, settings: Settings, experiment: str) -> Tracker:
    """Close the MLflow runs that dead processes left open, and return the tracker.

    Parameters
    ----------
    stack : ExitStack
        The stack that closes the tracker.
    settings : Settings
        The home folder, which has the outbox.
    experiment : str
        Name of the experiment of the runs.
    """
    from mlflow.exceptions import MlflowException

    uri = os.environ["MLFLOW_TRACKING_URI"]
    reason = health_problem(f"{uri}/health")
    try:
        if not reason:
            end_orphaned_runs(uri, [experiment])
    except MlflowException as error:  # MLflow stopped after the health check
        reason = str(error)
    if reason:
        log.warning("MLflow at %s does not answer: %s; the run goes on without MLflow", uri, reason)
    return stack.enter_context(Tracker(uri, settings.home / "outbox.sqlite", experiment))
