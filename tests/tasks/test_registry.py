import pytest
from scipy.stats import rv_continuous, rv_discrete
from sklearn.base import clone

from infra.errors import ParameterError
from tasks.datasets.catalogue import resolve
from tasks.datasets.preparation import PreparedDataset, prepare
from tasks.registry import ALGORITHMS, algorithms_for


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedDataset]:
    folder = tmp_path_factory.mktemp("data")
    return {s.task: prepare(s, folder) for s in (resolve("diabetes"), resolve("burger-king"))}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_searched_parameters_are_the_models(name: str, datasets: dict[str, PreparedDataset]) -> None:
    algorithm = ALGORITHMS[name]
    dataset = datasets[algorithm.task]
    model = algorithm.make(dataset, 7)
    assert list(model.named_steps) == ["prepare", "model"]
    assert model.get_params()["model__random_state"] == 7
    grid, drawn = algorithm.grid(dataset), algorithm.distributions(dataset)
    for parameter in [*grid, *drawn]:
        assert parameter in model.get_params()
    first = {parameter: values[0] for parameter, values in grid.items()}
    fitted = clone(model).set_params(**first).fit(*(part for part in dataset.load() if part is not None))
    assert len(fitted.predict(dataset.load()[0])) == dataset.rows
    for values in drawn.values():
        assert isinstance(values, list) or isinstance(values.dist, rv_continuous | rv_discrete)


def test_algorithms_are_chosen_by_task() -> None:
    assert [a.name for a in algorithms_for("clustering")] == ["kmeans"]
    assert [a.name for a in algorithms_for("classification", ["xgboost", "kmeans"])] == ["xgboost"]
    with pytest.raises(
        ParameterError, match=r"algorithms=kmeans: none is for classification; allowed: xgboost"
    ):
        algorithms_for("classification", ["kmeans"])
