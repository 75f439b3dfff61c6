"""Models as files: the same predictions after a reload, no pickle, nothing strange is loaded."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_diabetes
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from infra.engines import Engine, connect
from infra.errors import DataError
from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.registry import ALGORITHMS, algorithms_for
from tasks.results import Way
from tests.infra.engines.starting import started
from tests.tasks.preparing import prepare

PREDICTORS = [algorithm.name for algorithm in algorithms_for("regression")]


def parameters(algorithm: str) -> dict[str, Any]:
    """Parameters that a search could find; none where there is nothing to search."""
    return {"n_estimators": 7} if ALGORITHMS[algorithm].grid else {}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedDataset]:
    folder = tmp_path_factory.mktemp("data")
    rows, target = load_diabetes(return_X_y=True, as_frame=True)
    rows = rows.assign(ward=np.where(rows["sex"] > 0, "north", "south"), progression=target)
    rows.to_csv(folder / "progression.csv", index=False)
    sources = resolve("diabetes"), resolve(str(folder / "progression.csv"), "progression")
    return {source.name: prepare(source, folder) for source in sources}


def fitted(dataset: PreparedDataset, algorithm: str, folder: Path) -> tuple[Pipeline, models.Description]:
    way = Way(algorithm, "grid")
    return models.load(fit_whole(dataset, way, parameters(algorithm), ModelOptions(seed=3), folder))


@pytest.mark.parametrize("name", ["diabetes", "progression"])
@pytest.mark.parametrize("algorithm", PREDICTORS)
def test_a_reloaded_model_predicts_the_same(
    datasets: dict[str, PreparedDataset], name: str, algorithm: str, tmp_path: Path
) -> None:
    dataset = datasets[name]
    X, y = dataset.load()
    model = ALGORITHMS[algorithm].make(dataset, ModelOptions(seed=3))
    model[-1].set_params(**parameters(algorithm))
    model.fit(X, y)
    reloaded, description = fitted(dataset, algorithm, tmp_path)
    assert reloaded.predict(X).tobytes() == model.predict(X).tobytes()
    if dataset.task == "classification":
        assert reloaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert (description.dataset, description.algorithm, description.classes) == (
        name,
        algorithm,
        dataset.classes,
    )


@pytest.mark.parametrize("engine_name", ["dask", "spark"])
def test_a_reloaded_model_predicts_the_same_on_every_engine(
    datasets: dict[str, PreparedDataset], engine_name: str, tmp_path: Path
) -> None:
    dataset = datasets["diabetes"]
    X, _ = dataset.load()
    folders = [tmp_path / algorithm for algorithm in PREDICTORS]
    here = [
        fitted(dataset, algorithm, folder)[0].predict_proba(X).tobytes()
        for algorithm, folder in zip(PREDICTORS, folders, strict=True)
    ]
    with started(engine_name, 2, tmp_path / "home") as engine:
        assert there(engine, folders, X) == here


def there(engine: Engine, folders: list[Path], X: Any) -> list[bytes]:
    found = dict(engine.run(probabilities, [str(folder) for folder in folders], shared=X))
    return [found[i] for i in range(len(folders))]


def probabilities(folder: str, X: Any) -> bytes:
    return bytes(models.load(Path(folder))[0].predict_proba(X).tobytes())


def test_a_model_keeps_no_engine(datasets: dict[str, PreparedDataset], tmp_path: Path) -> None:
    dataset = datasets["diabetes"]
    X, y = dataset.load()
    _, description = fitted(dataset, "xgboost", tmp_path / "other")
    with connect("local", workers=2) as engine:
        model = (
            ALGORITHMS["xgboost"]
            .make(dataset, ModelOptions(seed=3))
            .set_params(model__engine=engine)
            .fit(X, y)
        )
        models.save(model, description, tmp_path)
    assert models.load(tmp_path)[0][-1].engine is None


def test_a_file_with_a_strange_type_is_not_loaded(
    datasets: dict[str, PreparedDataset], tmp_path: Path
) -> None:
    fitted(datasets["diabetes"], "xgboost", tmp_path)
    bad = Pipeline([("prepare", FunctionTransformer(print)), ("model", FunctionTransformer(zipfile.ZipFile))])
    skops.io.dump(bad, tmp_path / models.MODEL_FILE)
    with pytest.raises(DataError, match=r"holds .*, which is not trusted: it is not loaded"):
        models.load(tmp_path)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no model of trilla"):
        models.load(tmp_path)
    (tmp_path / models.DESCRIPTION_FILE).write_text("{}")
    with pytest.raises(DataError, match="is no model of trilla"):
        models.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"format": None, "recipe": None},
            "the xgboost model of data set 'diabetes' was saved by an earlier version of trilla, without the recipe "
            "by which its columns were prepared; run the study again to register a model with its recipe",
        ),
        ({"format": 99}, "has format 99, and this version of trilla reads format 2; run the study again"),
        ({"sha256": None}, "is no model of trilla: sha256: Field required"),
    ],
)
def test_a_model_of_another_format_is_refused_with_the_remedy(
    datasets: dict[str, PreparedDataset], tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    fitted(datasets["diabetes"], "xgboost", tmp_path)
    file = tmp_path / models.DESCRIPTION_FILE
    described = {**json.loads(file.read_text()), **change}
    file.write_text(json.dumps({name: value for name, value in described.items() if value is not None}))
    with pytest.raises(DataError) as caught:
        models.load(tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_predictions_name_classes_and_probabilities(
    datasets: dict[str, PreparedDataset], tmp_path: Path
) -> None:
    model, description = fitted(datasets["diabetes"], "xgboost", tmp_path)
    found = models.score_table(model, description, resolve("diabetes"))
    assert list(found) == ["prediction", "probability of neg", "probability of pos"]
    assert len(found) == 768
    chosen = np.where(found["probability of pos"] > found["probability of neg"], "pos", "neg")
    assert (found["prediction"] == chosen).all()


def test_quantities_are_predicted_from_numbers_and_texts(
    datasets: dict[str, PreparedDataset], tmp_path: Path
) -> None:
    dataset = datasets["progression"]
    model, description = fitted(dataset, "xgboost", tmp_path)
    X, y = dataset.load()
    X.assign(unknown=1).to_csv(tmp_path / "new.csv", index=False)
    found = models.score_table(model, description, resolve(str(tmp_path / "new.csv")))
    assert found["prediction"].to_numpy().tobytes() == model.predict(X).tobytes()
    assert np.corrcoef(found["prediction"], y)[0, 1] > 0.7


def test_a_clustering_has_nothing_to_predict(tmp_path: Path) -> None:
    dataset = prepare(resolve("burger-king"), tmp_path)
    model = ALGORITHMS["kmeans"].make(dataset, ModelOptions(seed=3)).fit(dataset.load()[0])
    description = models.Description(
        dataset=dataset.name, sha256=dataset.sha256, task=dataset.task, algorithm="kmeans", search="grid",
        params={}, recipe=dataset.recipe, versions={},
    )  # fmt: skip
    with pytest.raises(
        DataError, match="the kmeans model of data set 'burger-king' has no target to predict"
    ):
        models.score_table(model, description, resolve("burger-king"))


def test_reading_a_model_of_a_table_does_without_torch(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from infra.errors import DataError\n"
        "from tasks import models\n"
        "try:\n"
        "    models.load(Path(sys.argv[1]))\n"
        "except DataError:\n"
        "    print('skops' in sys.modules, 'torch' in sys.modules)\n"
        "import sklearn.externals.array_api_compat.torch\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True False\n", "")
