"""Rows of a member: joined from blocks, and with targets that all members number alike."""

from typing import Any

import numpy as np
import pytest

from infra.engines import ArraySource, connect
from infra.engines.collective import Communicator
from infra.errors import ParameterError
from tasks.ensembles.training_rows import training_rows

ALONE = Communicator(0, 1)
X = np.arange(12.0).reshape(6, 2)
GRAIN = np.array(["rye", "oats", "rye", "wheat", "wheat", "wheat"])


def test_blocks_are_joined_in_their_order() -> None:
    blocks = [(X[:4], X[:4, 0], X[:4, 1]), (X[4:], X[4:, 0], X[4:, 1])]
    rows, classes = training_rows(blocks, ALONE, classification=False)
    assert classes is None
    np.testing.assert_array_equal(rows.X, X)
    np.testing.assert_array_equal(rows.y, X[:, 0])
    assert rows.weights is not None
    np.testing.assert_array_equal(rows[np.array([4, 1])].weights, [9.0, 3.0])
    assert rows.total_weight() == X[:, 1].sum()


def test_rows_without_weights_weigh_one_each() -> None:
    rows, _ = training_rows([(X, X[:, 0])], ALONE, classification=False)
    assert rows.total_weight() == 6.0


def numbered(blocks: Any, communicator: Communicator) -> Any:
    rows, classes = training_rows(blocks, communicator, classification=True, class_weight="balanced")
    return rows.y.tolist(), rows.weights.tolist(), classes.tolist()


def test_members_number_classes_alike_and_balance_them_over_all_rows() -> None:
    with connect("local", workers=2) as engine:
        found = engine.run_group(numbered, engine.partition(ArraySource(X, GRAIN, block_rows=3)))
    classes = ["oats", "rye", "wheat"]
    assert found == [
        ([1, 0, 1], [1.0, 2.0, 1.0], classes),
        ([2, 2, 2], [pytest.approx(2 / 3)] * 3, classes),
    ]


def test_weights_of_classes_multiply_those_of_rows() -> None:
    rows, _ = training_rows([(X, GRAIN, X[:, 0])], ALONE, classification=True, class_weight={"wheat": 3.0})
    np.testing.assert_array_equal(rows.weights, [0, 2, 4, 18, 24, 30])


def test_text_is_no_target_of_a_regression() -> None:
    with pytest.raises(ParameterError, match="numbers are needed, found text such as 'rye'"):
        training_rows([(X, GRAIN.astype(object))], ALONE, classification=False)
