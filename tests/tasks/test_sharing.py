"""One fit for many settings: each model is that of a fit alone, and a failure stays its setting's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs, make_classification

from infra.engines import connect
from tasks.clustering import KMeans, kmeans
from tasks.ensembles import XGBoostClassifier

ROWS = make_blobs(300, n_features=3, centers=6, cluster_std=2.5, random_state=4)[0]
X, Y = make_classification(150, 6, flip_y=0.1, random_state=0)
RUNS: list[Any] = [4, 1, "auto", 9, 2, 4]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with one entry for each run of Lloyd's algorithm."""
    seen: list[int] = []
    original = kmeans.lloyd

    def recording(*arguments: Any, **options: Any) -> Any:
        seen.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(kmeans, "lloyd", recording)
    return seen


def same(shared: Any, alone: KMeans) -> None:
    assert not isinstance(shared, Exception)
    for name in ("labels_", "cluster_centers_"):
        assert getattr(shared, name).tobytes() == getattr(alone, name).tobytes()
    assert (shared.inertia_, shared.n_iter_) == (alone.inertia_, alone.n_iter_)
    assert str(shared.get_params()) == str(alone.get_params())
    assert vars(shared).keys() == vars(alone).keys()
    np.testing.assert_array_equal(shared.predict(ROWS), alone.predict(ROWS))


@pytest.mark.parametrize("init", ["k-means++", "random", ROWS[:7]], ids=["k-means++", "random", "given"])
@pytest.mark.parametrize("seed", range(3))
def test_settings_of_n_init_share_their_runs(init: Any, seed: int, runs: list[int]) -> None:
    model = KMeans(7, init=init, max_iter=4, random_state=seed)
    shared = model.fit_shared(ROWS, None, [{"n_init": n} for n in RUNS])
    most = {"k-means++": 9, "random": 10}.get(init, 1) if isinstance(init, str) else 1
    assert len(runs) == most
    alone = [KMeans(7, init=init, max_iter=4, random_state=seed, n_init=n).fit(ROWS) for n in RUNS]
    for one, other in zip(shared, alone, strict=True):
        same(one, other)
    if isinstance(init, str):
        assert len({other.inertia_ for other in alone}) > 1
    assert not hasattr(model, "labels_")


def test_runs_are_shared_on_any_engine_and_from_a_path(tmp_path: Path, runs: list[int]) -> None:
    pd.DataFrame(ROWS, columns=list("abc")).to_parquet(tmp_path / "rows.parquet")
    with connect("local", workers=2) as engine:
        model = KMeans(7, max_iter=4, random_state=1, engine=engine)
        shared = model.fit_shared(tmp_path / "rows.parquet", None, [{"n_init": 1}, {"n_init": 5}])
        assert len(runs) == 5
        for one, n in zip(shared, (1, 5), strict=True):
            same_rows = KMeans(7, max_iter=4, random_state=1, n_init=n).fit(tmp_path / "rows.parquet")
            assert one.labels_.tobytes() == same_rows.labels_.tobytes()
            assert one.feature_names_in_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("seed", [None, np.random.RandomState(3)], ids=["None", "RandomState"])
def test_without_an_integer_seed_every_setting_has_runs_of_its_own(seed: Any, runs: list[int]) -> None:
    model = KMeans(7, random_state=seed)
    shared = model.fit_shared(ROWS, None, [{"n_init": 2}, {"n_init": 3}])
    assert len(runs) == 2 + 3
    assert [one.n_init for one in shared] == [2, 3]
    if seed is not None:
        same_labels = KMeans(7, random_state=np.random.RandomState(3), n_init=3).fit(ROWS).labels_
        np.testing.assert_array_equal(shared[1].labels_, same_labels)


def test_an_invalid_setting_fails_alone() -> None:
    settings = [{"n_init": 2}, {"n_init": 0}, {"n_init": "many"}, {}]
    good, zero, word, own = KMeans(3, random_state=0).fit_shared(ROWS, None, settings)
    same(good, KMeans(3, n_init=2, random_state=0).fit(ROWS))
    same(own, KMeans(3, random_state=0).fit(ROWS))
    for failed, value in ((zero, 0), (word, "many")):
        with pytest.raises(ValueError, match="'n_init' parameter") as alone:
            KMeans(3, n_init=value, random_state=0).fit(ROWS)
        assert (type(failed), str(failed)) == (type(alone.value), str(alone.value))


def test_a_failure_of_the_common_computation_fails_every_valid_setting() -> None:
    few, zero = KMeans(400, random_state=0).fit_shared(ROWS, None, [{"n_init": 2}, {"n_init": 0}])
    assert "n_clusters=400: allowed are at most as many as rows" in str(few)
    assert "'n_init' parameter" in str(zero)
    only = KMeans(random_state=0).fit_shared(ROWS, None, [{"n_init": -1}])
    assert isinstance(only[0], ValueError)


def test_settings_of_n_estimators_share_the_rounds_of_the_longest_fit() -> None:
    settings: list[dict[str, Any]] = [{"n_estimators": n} for n in (5, 20, 0, "x", np.int64(9))]
    model = XGBoostClassifier(subsample=0.7, random_state=1)
    shared = model.fit_shared(X, Y, settings)
    assert [isinstance(one, ValueError) for one in shared] == [False, False, True, True, False]
    for one, n in zip(shared, (5, 20, None, None, 9), strict=True):
        if n is not None:
            alone = XGBoostClassifier(n, subsample=0.7, random_state=1).fit(X, Y)
            assert one.predict_proba(X).tobytes() == alone.predict_proba(X).tobytes()
            assert one.get_params() == alone.get_params()
