"""What holds for all estimators that boost trees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from infra.engines import Engine, blocks, connect
from infra.errors import ParameterError
from tasks.ensembles import GradientBoostingClassifier, XGBoostClassifier

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
