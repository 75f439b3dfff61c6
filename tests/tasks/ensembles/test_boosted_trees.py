"""What holds for all estimators that boost trees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from infra.engines import ArraySource, Engine, ParquetSource, blocks, connect
from infra.errors import ParameterError
from tasks import ways
from tasks.ensembles import GradientBoostingClassifier, XGBoostClassifier
from tests.infra.engines.work import CountedSource

X, Y = make_classification(600, 8, n_informative=5, flip_y=0.1, random_state=0)
each_library = pytest.mark.parametrize("make", [GradientBoostingClassifier, XGBoostClassifier])


@pytest.fixture(scope="module")
def dask() -> Iterator[Engine]:
    with connect("dask", workers=2) as engine:
        yield engine


@pytest.fixture
def table(tmp_path: Path) -> Path:
    frame = pd.DataFrame(X.astype(np.float32)).add_prefix("x").assign(y=Y, one=1)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=100)
    return tmp_path / "rows.parquet"


@each_library
def test_what_the_members_of_a_group_refuse_is_refused_by_the_fit(
    make: Any, dask: Engine, table: Path
) -> None:
    with pytest.raises(ParameterError, match="at least two classes are needed, found one class, '1'"):
        make(3, n_shards=2, engine=dask).fit(table, "one")


@each_library
def test_a_table_is_predicted_block_by_block_on_every_engine(
    make: Any, dask: Engine, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(5).fit(table, "y")
    expected = model.predict_proba(pd.read_parquet(table)[model.feature_names_in_])
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 97)
    with connect("local", workers=2) as threads:
        for engine in (None, threads, dask):
            found = model.set_params(engine=engine).predict_proba(str(table))
            assert found.tobytes() == expected.tobytes()


@each_library
def test_a_source_is_boosted_and_predicted_like_its_rows(
    make: Any, dask: Engine, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = X.astype(np.float32)
    grain = np.array(["oats", "rye"])[Y]
    here = make(5).fit(rows, grain)
    source = ArraySource(rows, grain, block_rows=97)
    with connect("local", workers=2) as threads:
        for engine in (None, threads, dask):
            there = make(5, n_shards=1, engine=engine).fit(source)
            assert there.predict_proba(source).tobytes() == here.predict_proba(rows).tobytes()
            assert there.classes_.tolist() == ["oats", "rye"]
    assert str(here.way_) == "one fit in one process"
    assert str(there.way_) == "one fit on one worker"
    sharded = make(5, n_shards=2, engine=dask).fit(source)
    assert str(sharded.way_) == "sharded over 2 workers"
    assert (sharded.predict(source) == here.predict(rows)).mean() > 0.95
    weighted = make(5).fit(rows, grain, sample_weight=np.arange(600) % 3)
    from_source = make(5).fit(ArraySource(rows, grain, np.arange(600) % 3, block_rows=97))
    assert from_source.predict_proba(rows).tobytes() == weighted.predict_proba(rows).tobytes()


@each_library
def test_a_fit_to_a_source_holds_no_more_than_a_few_of_its_blocks(make: Any) -> None:
    CountedSource.most = 0
    make(3).fit(CountedSource(X, 20))
    assert 0 < CountedSource.most <= 3


@each_library
def test_what_does_not_go_with_a_source_is_refused(make: Any, table: Path) -> None:
    source = ParquetSource(table, ["x0", "x1"], target="y")
    with pytest.raises(ParameterError, match="y: with a source, None is needed; the target is the second"):
        make(3).fit(source, Y)
    with pytest.raises(ParameterError, match="the blocks of the source have no target"):
        make(3).fit(ArraySource(X))
    with pytest.raises(ParameterError, match="sample_weight: allowed with an array, not with a path or a"):
        make(3).fit(source, sample_weight=Y)
    model = make(3).fit(source)
    with pytest.raises(ParameterError, match="X: 8 columns; the model has 2"):
        model.predict(ArraySource(X))


@each_library
def test_a_fit_that_no_worker_has_the_memory_for_is_refused(
    make: Any, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "ALLOWED_SHARE", 1e-6)
    with pytest.raises(
        ParameterError,
        match=r"Classifier: a fit to 600 rows of 9 columns needs about 2.* MiB of memory in this process, and "
        r".* are allowed .*; use a machine with more memory, or fewer rows",
    ):
        make(3).fit(table, "y")
