from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rv_continuous, rv_discrete
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_diabetes

from infra.errors import ParameterError
from tasks.algorithms import dbscan
from tasks.algorithms.base import ModelOptions
from tasks.clustering import k_distances
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor
from tasks.registry import ALGORITHMS, algorithms_for
from tasks.vision import ConvNetClassifier
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare

OPTIONS = ModelOptions()
DBSCAN_SEARCHED = ALGORITHMS["dbscan"]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedDataset]:
    folder = tmp_path_factory.mktemp("data")
    rows, target = load_diabetes(return_X_y=True, as_frame=True)
    rows.assign(progression=target).to_csv(folder / "progression.csv", index=False)
    sources = (
        resolve("diabetes"),
        resolve("burger-king"),
        resolve(str(folder / "progression.csv"), "progression"),
        resolve(str(image_files.folder(folder / "photographs", count=10))),
    )
    prepared = [prepare(source, folder) for source in sources]
    return {dataset.task: dataset for dataset in prepared}


@pytest.mark.parametrize(
    ("name", "task"), [(name, task) for name in ALGORITHMS for task in ALGORITHMS[name].makers]
)
def test_the_searched_parameters_are_the_models(
    name: str, task: str, datasets: dict[str, PreparedDataset]
) -> None:
    algorithm = ALGORITHMS[name]
    dataset = datasets[task]
    model = algorithm.make(dataset, ModelOptions(seed=7))
    assert list(model.named_steps) == (["model"] if task == "vision" else ["prepare", "model"])
    assert model.get_params().get("model__random_state", 7) == 7
    if algorithm.grid is None or algorithm.distributions is None:
        assert algorithm.searches == ("baseline",)
        return
    grid, drawn = algorithm.grid(dataset, OPTIONS), algorithm.distributions(dataset, OPTIONS)
    for parameter in [*grid, *drawn]:
        assert parameter in model.get_params()
    first = {parameter: values[0] for parameter, values in grid.items()}
    fitted = clone(model).set_params(**first).fit(*(part for part in dataset.load() if part is not None))
    assert len(fitted.predict(dataset.load()[0])) == dataset.rows
    for values in drawn.values():
        assert isinstance(values, list) or isinstance(values.dist, rv_continuous | rv_discrete)


def table(folder: Path, values: np.ndarray) -> PreparedDataset:
    """A data set of the user's own."""
    names = ",".join(f"c{i}" for i in range(values.shape[1]))
    np.savetxt(folder / "own.csv", values, delimiter=",", header=names, comments="")
    return prepare(resolve(str(folder / "own.csv")), folder)


def test_eps_makes_the_shares_of_core_rows_that_were_meant(datasets: dict[str, PreparedDataset]) -> None:
    dataset = datasets["clustering"]
    space = preprocessor(dataset, scale=True, impute=True).fit_transform(dataset.load()[0])
    grid = DBSCAN_SEARCHED.grid(dataset, OPTIONS)
    model = DBSCAN_SEARCHED.make(dataset, OPTIONS)[-1]
    assert model.min_samples == 5
    assert model.eps in grid["model__eps"]
    assert grid["model__min_samples"] == [3, 4, 5, 7]  # a tenth of 70 rows at most
    shares = [
        len(DBSCAN(eps, min_samples=5).fit(space).core_sample_indices_) / 70 for eps in grid["model__eps"]
    ]
    for meant in dbscan.CORE_SHARES:
        assert min(abs(share - meant) for share in shares) < 0.03
    drawn = DBSCAN_SEARCHED.distributions(dataset, OPTIONS)["model__eps"].rvs(200, random_state=0)
    assert grid["model__eps"][0] * 0.99 < drawn.min() < drawn.max() < grid["model__eps"][-1] * 1.01
    assert np.median(drawn) == pytest.approx(np.quantile(dbscan._distances(dataset), 0.64), rel=0.05)


def test_default_spaces_suit_any_table(tmp_path: Path) -> None:
    """A few rows that are all alike but two, and columns by the dozen."""
    values = np.zeros((12, 30))
    values[:2] = [[1], [2]]
    dataset = table(tmp_path, values)
    for name in ("dbscan", "agglomerative"):
        algorithm = ALGORITHMS[name]
        X = dataset.load()[0]
        grid = algorithm.grid(dataset, OPTIONS)
        assert all(len(values) for values in grid.values())
        last = {parameter: values[-1] for parameter, values in grid.items()}
        algorithm.make(dataset, OPTIONS).set_params(**last).fit(X)
        for values in algorithm.distributions(dataset, OPTIONS).values():
            assert isinstance(values, list) or values.rvs(random_state=0) > 0


def test_the_curve_of_distances_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = table(tmp_path, np.random.default_rng(0).random((40, 3)))
    seen: list[int] = []
    original = k_distances.k_distances

    def noting(*arguments: object) -> object:
        seen.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(k_distances, "k_distances", noting)
    algorithm = ALGORITHMS["dbscan"]
    for use in (algorithm.grid, algorithm.distributions, algorithm.make):
        use(dataset, OPTIONS)
    assert seen == [1]


def test_linkages_that_need_a_matrix_are_left_out_for_many_rows(
    datasets: dict[str, PreparedDataset],
) -> None:
    many = datasets["clustering"].model_copy(update={"rows": 100_000})
    assert ALGORITHMS["agglomerative"].grid(many, OPTIONS)["model__linkage"] == ["ward", "single"]


def test_algorithms_are_chosen_by_task() -> None:
    assert [a.name for a in algorithms_for("clustering")] == ["kmeans", "dbscan", "agglomerative"]
    assert [a.name for a in algorithms_for("classification", ["xgboost", "kmeans"])] == ["xgboost"]
    with pytest.raises(
        ParameterError,
        match=r"algorithms=kmeans: none of these algorithms is for classification; "
        r"allowed: random_forest, .*, linear_model",
    ):
        algorithms_for("classification", ["kmeans"])


def test_epochs_ask_for_the_whole_network(datasets: dict[str, PreparedDataset]) -> None:
    images, convnet = datasets["vision"], ALGORITHMS["convnet"]
    look, whole = ModelOptions(), ModelOptions(epochs=80)
    small, usual = (convnet.make(images, options)[-1] for options in (look, whole))
    assert (usual.width, usual.epochs) == (ConvNetClassifier().width, 80)
    assert small.width < usual.width
    assert 2 <= small.epochs <= 8
    assert max(convnet.distributions(images, look)["model__width"]) < min(
        convnet.distributions(images, whole)["model__width"]
    )
