"""`trilla score`: a registered model's predictions for the rows of a table, as a person would ask for them."""

from pathlib import Path

import pandas as pd
import pytest

from infra.mlflow_api import mlflow_client
from infra.model_registry import DATASET_TAG, ModelRegistry
from infra.servers import Stack
from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import BUNDLED, resolve
from tasks.results import Way
from tests.conftest import Command, trilla
from tests.deployments.registered import registered
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare


@pytest.fixture(scope="module")
def champion(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Name of a registered champion, and its files."""
    return registered(stack.mlflow_url, tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(("suffix", "named"), [(".csv", "by model"), (".parquet", "by data set")])
def test_predictions_are_those_of_the_model(
    champion: tuple[str, Path], environment: dict[str, str], tmp_path: Path, suffix: str, named: str
) -> None:
    name, files = champion
    if named == "by data set":
        name = name.removesuffix("-diabetes")
    out = tmp_path / f"predictions{suffix}"
    table = BUNDLED / "diabetes.csv"
    done = trilla("score", f"{name}@champion", str(table), "--out", str(out), environment=environment)
    assert done.returncode == 0, done.stderr
    assert "768 predictions of xgboost" in done.stdout
    found = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    model, description = models.load(files)
    X, _ = prepare(resolve("diabetes"), tmp_path).load()
    shares = model.predict_proba(X)
    expected = pd.DataFrame(
        {
            "prediction": [description.classes[code] for code in shares.argmax(axis=1)],
            "probability of neg": shares[:, 0],
            "probability of pos": shares[:, 1],
        }
    )
    # a CSV file holds the shortest decimals that give a number of 32 bits again
    pd.testing.assert_frame_equal(found.astype(expected.dtypes), expected, check_exact=True)


def test_columns_are_carried_along_as_they_stand(
    champion: tuple[str, Path], trilla_here: Command, tmp_path: Path
) -> None:
    table, out = tmp_path / "new.csv", tmp_path / "p.csv"
    frame = pd.read_csv(BUNDLED / "diabetes.csv", dtype=str).assign(id=[f"{i:05}" for i in range(768)])
    frame.to_csv(table, index=False)
    done = trilla_here("score", champion[0], str(table), "--out", str(out), "--keep", "id,mass")
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out, dtype=str)
    assert list(found) == ["id", "mass", "prediction", "probability of neg", "probability of pos"]
    pd.testing.assert_frame_equal(found[["id", "mass"]], frame[["id", "mass"]])
    for given, words in (
        (("--keep", "nobody"), "has no column 'nobody', which --keep names; columns: pregnant, glucose"),
        (
            ("--engine", "dask"),
            f"--engine is for predictions into a folder, and --out {out} is a file; give a",
        ),
    ):
        done = trilla_here("score", champion[0], str(table), "--out", str(out), *given)
        assert done.returncode == 2
        assert words in done.stderr


def test_a_cell_that_cannot_be_read_is_one_sentence(
    champion: tuple[str, Path], trilla_here: Command, tmp_path: Path
) -> None:
    frame = pd.read_csv(BUNDLED / "diabetes.csv").astype({"mass": object})
    frame.loc[3, "mass"] = "much"
    table = tmp_path / "new.csv"
    frame.assign(note=["12"] * 767 + ["a text among numbers"]).to_csv(table, index=False)
    done = trilla_here("score", champion[0], str(table), "--out", "p.csv")
    assert done.returncode == 2
    assert done.stderr == (
        f"trilla: '{table}', line 5: column 'mass' holds 'much' where numbers belong (1 of 768 values are text); "
        "put a number there or leave it empty\n"
    )


def test_what_is_new_in_the_rows_is_told(
    champion: tuple[str, Path], trilla_here: Command, tmp_path: Path
) -> None:
    table, out = tmp_path / "new.csv", tmp_path / "p.csv"
    pd.read_csv(BUNDLED / "diabetes.csv").assign(mass=None).to_csv(table, index=False)
    done = trilla_here("score", champion[0], str(table), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert (
        "mass: the new rows have no value in this column, and the training table had values; the model predicts as for "
        "a row without this value\n" in done.stdout
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody", "diabetes", "--out", "p.csv"), "there is no model 'nobody'; known: "),
        (("nobody", "diabetes", "--out", "p.txt"), "--out p.txt: give a file that ends in .csv or .parquet"),
        (("nobody", "no.csv", "--out", "p.csv"), "no file 'no.csv'"),
        (
            ("{name}", "burger-king", "--out", "p.csv"),
            f"'{BUNDLED / 'burger_king.csv'}': columns pregnant, glucose, pressure, triceps, ",
        ),
        (("{name}", "diabetes", "--out", "no/folder/p.csv"), "--out no/folder/p.csv: "),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(
    champion: tuple[str, Path], trilla_here: Command, arguments: tuple[str, ...], message: str
) -> None:
    given = [argument.format(name=champion[0]) for argument in arguments]
    done = trilla_here("score", *given)
    assert done.returncode == 2
    assert done.stderr.startswith(f"trilla: {message}")
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def network(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Name of a registered network, its files, and the folder of images that it learned."""
    folder = tmp_path_factory.mktemp("network")
    photographs = image_files.folder(folder / "pets", count=10)
    dataset = prepare(resolve(str(photographs)), folder)
    way, options = Way("convnet", "baseline"), ModelOptions(seed=0)
    files = fit_whole(dataset, way, {"epochs": 2}, options, folder / "files")
    client, registry = mlflow_client(stack.mlflow_url), ModelRegistry(stack.mlflow_url)
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(files), "models/it")
    name = f"scored-{folder.name}"
    registry.claim([name], {DATASET_TAG: name})
    registry.assign(registry.register(name, run.info.run_id, "models/it", {}), "champion")
    return name, files, photographs


def test_images_of_a_folder_are_told_apart(
    network: tuple[str, Path, Path], trilla_here: Command, tmp_path: Path
) -> None:
    name, files, photographs = network
    asked, out = tmp_path / "asked", tmp_path / "predictions.csv"
    for i, source in enumerate(sorted(photographs.rglob("*.jpg"))[::5]):
        image_files.put(asked / f"{i}.jpg", source.read_bytes())
    image_files.put(asked / "broken.jpg", b"no image")
    done = trilla_here("score", name, str(asked), "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out)
    assert list(found["file"]) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "broken.jpg"]
    assert found["prediction"].isna().tolist() == [False] * 4 + [True]
    assert "no image" in found["error"].iloc[-1]
    model, description = models.load(files)
    X, _ = prepare(resolve(str(photographs)), tmp_path).load()
    expected = model.predict_proba(X[::5])
    shares = found[["probability of cat", "probability of dog"]].to_numpy()[:4]
    assert shares == pytest.approx(expected, abs=1e-5)
    assert description.classes == ["cat", "dog"]


def test_a_network_takes_no_table(network: tuple[str, Path, Path], trilla_here: Command) -> None:
    done = trilla_here("score", network[0], "diabetes", "--out", "p.csv")
    assert done.returncode == 2
    assert "needs a folder of images" in done.stderr
