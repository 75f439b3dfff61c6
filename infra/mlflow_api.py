"""Helpers for an MLflow server: client, presence, errors, and the addresses of pages."""

import os
from typing import Any
from urllib.parse import quote

REQUEST_TIMEOUT_S = 20
PRESENCE_TIMEOUT_S = 5
PASSING_STATUSES = (401, 403, 408, 429)
"""HTTP statuses below 500 after which the same request may succeed with other credentials or more time."""

TRAINING_VIEW = "?workflowType=machine_learning"
"""End of an address that opens MLflow's pages for model training; without it MLflow opens those for GenAI."""

DESCRIPTION_TAG = "mlflow.note.content"
"""Tag of a run whose Markdown text MLflow shows as the description on the page of the run."""


class AwayError(Exception):
    """The server did not take a request, but may take the same request later."""


def mlflow_client(uri: str) -> Any:
    """Return an `MlflowClient` for a server; the first import of MLflow takes more than a second."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # with retries, MLflow would repeat a request that the server carried out before the server died, and so
    # create a run twice
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT_S))
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def check_presence(uri: str) -> None:
    """Ask a server whether it is there, with a shorter time limit than other requests have.

    Raises
    ------
    AwayError
        If the server does not answer.
    """
    if not uri.startswith(("http://", "https://")):
        return
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    once = {"max_retries": 0, "timeout": PRESENCE_TIMEOUT_S, "raise_on_status": False}
    try:
        answer = http_request(get_default_host_creds(uri), "/health", "GET", **once)
    except MlflowException as error:
        raise AwayError(str(error)) from error
    if answer.status_code >= 500:
        raise AwayError(f"status {answer.status_code}")


def may_succeed_later(error: Exception) -> bool:
    """Tell whether a request that failed with this error may succeed later without a change."""
    import requests
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        # a server that does not know the address is another program on that port, or a proxy
        return error.error_code == "ENDPOINT_NOT_FOUND" or _passes(error.get_http_status_code())
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _passes(error.response.status_code)
    return isinstance(error, requests.RequestException)


def _passes(status: int) -> bool:
    return status >= 500 or status in PASSING_STATUSES


def run_page(uri: str, experiment_id: str, run_id: str, artifact: str = "") -> str:
    """Return the address of a run's page.

    Parameters
    ----------
    uri : str
        Address of the MLflow server.
    experiment_id : str
        The server's id of the experiment.
    run_id : str
        The server's id of the run.
    artifact : str
        Path of an artifact that the page shows; without it the page shows the overview.
    """
    shown = f"/artifacts/{quote(artifact)}" if artifact else ""
    return f"{uri}/#/experiments/{experiment_id}/runs/{run_id}{shown}{TRAINING_VIEW}"


def model_page(uri: str, name: str, version: str) -> str:
    """Return the address of the page of a registered model's version.

    Parameters
    ----------
    uri : str
        Address of the MLflow server.
    name : str
        Name of the registered model.
    version : str
        Number of the version.
    """
    return f"{uri}/#/models/{quote(name, safe='')}/versions/{version}{TRAINING_VIEW}"
