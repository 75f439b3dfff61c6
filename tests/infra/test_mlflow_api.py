"""Errors, presence and pages of an MLflow server."""

import socket

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    ENDPOINT_NOT_FOUND,
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
)

from infra.mlflow_api import AwayError, check_presence, may_succeed_later, model_page, run_page

URI = "http://127.0.0.1:5000"


def http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("no such address", ENDPOINT_NOT_FOUND),
        MlflowException("broken", INTERNAL_ERROR),
        MlflowException("not yours", PERMISSION_DENIED),
        requests.ConnectionError("refused"),
        requests.Timeout("too slow"),
        http_error(503),
        http_error(429),
    ],
)
def test_a_request_is_sent_again_after_errors_that_pass(error: Exception) -> None:
    assert may_succeed_later(error)


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("bad name", INVALID_PARAMETER_VALUE),
        MlflowException("no such run", RESOURCE_DOES_NOT_EXIST),
        http_error(400),
        LookupError("run was not started"),
    ],
)
def test_a_request_is_given_up_after_other_errors(error: Exception) -> None:
    assert not may_succeed_later(error)


def test_an_absent_server_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(AwayError):
        check_presence(f"http://127.0.0.1:{port}")


def test_pages_are_those_for_model_training() -> None:
    assert run_page(URI, "1", "ab") == f"{URI}/#/experiments/1/runs/ab?workflowType=machine_learning"
    assert model_page(URI, "menu", "2") == f"{URI}/#/models/menu/versions/2?workflowType=machine_learning"


def test_a_name_with_special_characters_stays_a_part_of_the_address() -> None:
    assert "/#/models/what%3F%20a%2Fb/versions/1?" in model_page(URI, "what? a/b", "1")
