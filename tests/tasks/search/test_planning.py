"""The plan of a search: candidates that share a fit, and fits that share a batch."""

import numpy as np
import pytest
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tasks.clustering import KMeans
from tasks.ensembles import XGBoostClassifier
from tasks.search.planning import plan_batches, plan_fits

MODEL = KMeans(random_state=0)


def test_candidates_that_differ_in_shared_parameters_are_one_fit() -> None:
    candidates = [{"max_depth": d, "n_estimators": n} for d in (2, 3) for n in (5, 50, "x")]
    fits = plan_fits(XGBoostClassifier(), candidates, 2)
    assert len(fits) == 4
    assert (fits[0].params, fits[0].preparation) == ({"max_depth": 2}, {})
    assert fits[0].settings == ({"n_estimators": 5}, {"n_estimators": 50}, {"n_estimators": "x"})
    assert fits[0].candidates == (0, 1, 2)
    assert {(c, fit.fold) for fit in fits for c in fit.candidates} == {
        (c, f) for c in range(6) for f in (0, 1)
    }


def test_a_fit_of_a_pipeline_has_the_parameters_of_the_steps_before_the_model() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", KMeans())])
    [first, second] = plan_fits(
        pipeline,
        [
            {"scale__with_std": std, "model__n_clusters": 3, "model__n_init": n}
            for std in (True, False)
            for n in (1, 2)
        ],
        1,
    )
    assert (first.preparation, second.preparation) == ({"scale__with_std": True}, {"scale__with_std": False})
    assert (first.params, first.settings) == ({"n_clusters": 3}, ({"n_init": 1}, {"n_init": 2}))


def test_equal_candidates_are_computed_once() -> None:
    assert len(plan_fits(KMeans(), [{"n_clusters": 3}, {"n_clusters": 4}, {"n_clusters": 3}], 1)) == 2


def test_candidates_with_different_arrays_have_fits_of_their_own() -> None:
    a, b = np.zeros((600, 4)), np.zeros((600, 4))
    b[300, 2] = 1.0
    assert len(plan_fits(KMeans(), [{"init": a}, {"init": b}, {"init": a.copy()}], 1)) == 2


@pytest.mark.parametrize(
    ("fits", "workers", "sizes"),
    [
        (1, 4, [1]),
        (3, 2, [2, 1]),
        (30, 2, [15, 15]),
        (33, 1, [17, 16]),
        (70, 2, [18, 18, 17, 17]),  # not three batches: the third one would leave a worker idle
    ],
)
def test_fits_are_divided_evenly_among_the_workers(fits: int, workers: int, sizes: list[int]) -> None:
    found = plan_batches(plan_fits(MODEL, [{"n_clusters": k + 2} for k in range(fits)], 1), workers)
    assert [len(batch) for batch in found] == sizes
    assert sorted(fit.candidates for batch in found for fit in batch) == [(i,) for i in range(fits)]
    assert all(list(batch) == sorted(batch, key=lambda fit: fit.candidates) for batch in found)


def test_fits_on_differently_prepared_rows_are_not_mixed() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", MODEL)])
    space = {"scale__with_std": [True, False], "model__n_clusters": [2, 3, 4, 5]}
    found = plan_batches(plan_fits(pipeline, list(ParameterGrid(space)), 1), 2)
    assert [len(batch) for batch in found] == [2, 2, 2, 2]
    assert all(len({str(fit.preparation) for fit in batch}) == 1 for batch in found)
