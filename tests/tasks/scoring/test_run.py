"""Predictions of a large table: part by part, the same on every engine, and an interrupted run goes on."""

import gzip
import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.pieces import csv_cutting, parquet
from tasks.models import score_table
from tasks.scoring.folder import MANIFEST, output_folder
from tasks.scoring.loading import LoadedModel
from tests.infra.engines.starting import started
from tests.object_store import Bucket
from tests.tasks.scoring.scored import ROWS, loaded, parts, scored, table


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded(tmp_path_factory.mktemp("scoring") / "training")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS", 500)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of two Parquet files, in five pieces."""
    folder = tmp_path / "rows"
    folder.mkdir()
    rows = table(9).drop(columns="grown")
    for i, part in enumerate((rows[:900], rows[900:])):
        part.to_parquet(folder / f"rows-{i}.parquet", index=False, row_group_size=250)
    return folder


def refusal(*arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        scored(*arguments)
    return str(caught.value)


def test_the_parts_are_the_predictions_of_the_table_in_its_order(
    model: LoadedModel, source: Path, tmp_path: Path
) -> None:
    done = scored(model, source, tmp_path / "out", ("id", "day"))
    found = pd.read_parquet(tmp_path / "out")
    expected = score_table(model.pipeline, model.description, resolve(str(source)), keep=["id", "day"])
    pd.testing.assert_frame_equal(found, expected.astype(found.dtypes), check_exact=True)
    assert list(found) == ["id", "day", "prediction", "probability of no", "probability of yes"]
    assert list(parts(tmp_path / "out")) == [f"part-0000{i}.parquet" for i in range(5)]
    assert pq.read_schema(tmp_path / "out" / "part-00000.parquet").field("id").type == pa.int64()
    assert (done.manifest.rows, done.last.rows, done.last.kept) == (ROWS, ROWS, 0)
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["complete"] is True
    assert [part["rows"] for part in manifest["parts"]] == [500, 400, 500, 500, 500]
    assert not list((tmp_path / "out").glob(".unfinished*"))


@pytest.mark.parametrize(("engine", "workers"), [("dask", 1), ("dask", 2), ("spark", 2)])
def test_every_engine_writes_the_same_bytes(
    model: LoadedModel, source: Path, tmp_path: Path, engine: str, workers: int
) -> None:
    scored(model, source, tmp_path / "local", ("id",))
    with started(engine, workers, tmp_path / "home") as other:
        scored(model, source, tmp_path / "other", ("id",), lambda: nullcontext(other))
    assert parts(tmp_path / "other") == parts(tmp_path / "local")
    assert (tmp_path / "other" / MANIFEST).read_text() == (tmp_path / "local" / MANIFEST).read_text()


@pytest.mark.parametrize("algorithm", ["random_forest", "gradient_boosting", "linear_model"])
def test_every_algorithm_scores_in_pieces(source: Path, tmp_path: Path, algorithm: str) -> None:
    model = loaded(tmp_path / "training", algorithm)
    scored(model, source, tmp_path / "out")
    found = pd.read_parquet(tmp_path / "out")
    expected = score_table(model.pipeline, model.description, resolve(str(source)))
    assert found["prediction"].tolist() == expected["prediction"].tolist()
    np.testing.assert_allclose(found["probability of yes"], expected["probability of yes"], rtol=1e-12)


def test_an_equal_run_keeps_the_parts_that_are_there(
    model: LoadedModel, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    scored(model, source, out)
    whole, manifest = parts(out), (out / MANIFEST).read_text()
    (out / "part-00001.parquet").unlink()
    (out / "part-00004.parquet").unlink()
    (out / ".unfinished-1").write_bytes(b"half of a part")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    done = scored(model, source, out)
    assert (done.last.kept, done.last.done, done.last.rows) == (3, 5, 900)
    assert parts(out) == whole
    assert (out / MANIFEST).read_text() == manifest
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not (out / ".unfinished-1").exists()
    again = scored(model, source, out, (), partial(pytest.fail, "an engine is started for nothing"))
    assert (again.last.kept, again.last.rows) == (5, 0)


def other_model(model: LoadedModel, source: Path, out: Path) -> str:
    return refusal(LoadedModel("grown/2", "1" * 64, model.pipeline, model.description), source, out)


def other_columns(model: LoadedModel, source: Path, out: Path) -> str:
    return refusal(model, source, out, ("day",))


def changed_data(model: LoadedModel, source: Path, out: Path) -> str:
    table(1).to_parquet(source / "rows-1.parquet")
    return refusal(model, source, out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_model, "another model"),
        (other_columns, "other columns with --keep"),
        (changed_data, "other files, or the data have changed since"),
    ],
)
def test_parts_of_another_run_are_refused(
    model: LoadedModel,
    source: Path,
    tmp_path: Path,
    change: Callable[[LoadedModel, Path, Path], str],
    words: str,
) -> None:
    out = tmp_path / "out"
    scored(model, source, out)
    before = parts(out)
    assert change(model, source, out) == (
        f"--out {out}: the folder holds parts of another run of model grown/1 ({words}); give another folder, or "
        "delete this one"
    )
    assert parts(out) == before


def test_a_folder_of_other_files_or_of_the_table_is_refused(
    model: LoadedModel, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert "the folder holds 'notes.txt', which is no part of predictions; give a new or an empty folder" in (
        refusal(model, source, tmp_path / "out")
    )
    for inside in (source, source / "predictions"):
        assert "is the table's own folder" in refusal(model, source, inside)


def test_what_was_found_in_the_pieces_is_told_once_with_exact_counts(
    model: LoadedModel, source: Path, tmp_path: Path
) -> None:
    rows = table(9).drop(columns="grown").assign(size=None)
    rows.loc[rows.index % 100 == 0, "colour"] = "pink"
    rows.loc[2_390:, "colour"] = "teal"
    for i, part in enumerate((rows[:900], rows[900:])):
        part.to_parquet(source / f"rows-{i}.parquet", index=False)
    assert scored(model, source, tmp_path / "out").manifest.notes == (
        "2 parts were joined",
        "size: the new rows have no value in this column, and the training table had values; the model predicts as "
        "for a row without this value",
        "colour: 34 of 2,400 rows hold 2 texts that the training table did not have ('pink', 'teal'); for the model "
        "these rows hold none of the known texts",
    )


def csv_folder(folder: Path, marks: tuple[str, ...]) -> Path:
    folder.mkdir()
    for i, mark in enumerate(marks):
        rows = table(i, 40).drop(columns="grown")
        rows.to_csv(folder / f"rows-{i}.csv", index=False, sep=";", decimal=mark)
    return folder


def test_a_folder_of_csv_files_is_scored_file_by_file(model: LoadedModel, tmp_path: Path) -> None:
    folder = csv_folder(tmp_path / "csv", (".", ".", "."))
    (folder / "rows-1.csv").write_text("id;size;weight;day;colour\n")
    text = (folder / "rows-2.csv").read_text()
    (folder / "rows-2.csv").unlink()
    (folder / "rows-2.csv.gz").write_bytes(gzip.compress(text.encode()))
    done = scored(model, folder, tmp_path / "out", ("id",))
    assert list(parts(tmp_path / "out")) == ["part-00000.parquet", "part-00002.parquet"]
    assert "1 of 3 pieces have no rows" in done.manifest.notes
    found = pd.read_parquet(tmp_path / "out")
    assert found["id"].tolist() == [str(row) for row in table(0, 40)["id"]] * 2


def long_csv(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV file of several ranges, whose texts hold line breaks."""
    monkeypatch.setattr(csv_cutting, "RANGE_BYTES", 20_000)
    rows = table(9).drop(columns="grown").assign(note='a "note"\nof two lines')
    rows.to_csv(path, index=False)
    return path


def test_a_csv_file_is_scored_range_by_range(
    model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = long_csv(tmp_path / "rows.csv", monkeypatch)
    done = scored(model, source, tmp_path / "out", ("id", "note"))
    assert len(done.manifest.parts) > 5
    found = pd.read_parquet(tmp_path / "out")
    expected = score_table(model.pipeline, model.description, resolve(str(source)), keep=["id", "note"])
    pd.testing.assert_frame_equal(found, expected.astype(found.dtypes), check_exact=True)


def test_a_cell_of_a_range_is_refused_with_the_line_of_the_file(
    model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = long_csv(tmp_path / "rows.csv", monkeypatch)
    lines = source.read_text().split("\n")
    lines[4_001] = lines[4_001].replace(lines[4_001].split(",")[2], "much")
    source.write_text("\n".join(lines))
    message = refusal(model, source, tmp_path / "out")
    assert message.startswith(f"'{source}', line 4002: column 'weight' holds 'much' where numbers belong")


def test_files_with_other_decimal_marks_are_refused(model: LoadedModel, tmp_path: Path) -> None:
    message = refusal(model, csv_folder(tmp_path / "csv", (".", ",")), tmp_path / "out")
    assert message.startswith("column 'size' is written with a decimal ")
    assert message.endswith("; write the whole column in one way")


def test_a_cell_that_cannot_be_read_ends_the_run_and_the_parts_stay(
    model: LoadedModel, tmp_path: Path
) -> None:
    folder, out = csv_folder(tmp_path / "csv", (".", ".")), tmp_path / "out"
    bad = table(1, 40).astype({"weight": object}).drop(columns="grown")
    bad.loc[3, "weight"] = "much"
    bad.to_csv(folder / "rows-1.csv", index=False, sep=";")
    assert refusal(model, folder, out).startswith(
        f"'{folder / 'rows-1.csv'}', line 5: column 'weight' holds 'much' where numbers belong"
    )
    assert json.loads((out / MANIFEST).read_text())["complete"] is False


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (
            ("id", "nobody"),
            "has no column 'nobody', which --keep names; columns: id, size, weight, day, colour",
        ),
        (("prediction",), "--keep prediction: the predictions have a column 'prediction' too; rename the"),
    ],
)
def test_a_column_that_cannot_be_carried_along_is_refused(
    model: LoadedModel, source: Path, tmp_path: Path, keep: tuple[str, ...], words: str
) -> None:
    for path in (source, csv_folder(tmp_path / "csv", (".", "."))):
        assert words in refusal(model, path, tmp_path / "out", keep)
        with pytest.raises(DataError, match=words.split(";")[0]):
            score_table(model.pipeline, model.description, resolve(str(path)), keep=keep)
    assert not parts(tmp_path / "out") if (tmp_path / "out").exists() else True


def test_a_missing_column_is_refused_before_anything_is_started(
    model: LoadedModel, source: Path, tmp_path: Path
) -> None:
    for file in source.iterdir():
        pq.write_table(pq.read_table(file).drop(["weight"]), file)
    assert "column 'weight' is missing; the model needs: size" in refusal(model, source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_at_an_address_is_scored(
    model: LoadedModel, source: Path, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    address = bucket.upload(source)
    for _ in range(2):  # the second run finds the parts of the first
        done = scored(model, address, tmp_path / "out")
    assert done.last.kept == 5
    scored(model, source, tmp_path / "here")
    assert pd.read_parquet(tmp_path / "out").equals(pd.read_parquet(tmp_path / "here"))


def test_images_are_no_folder_of_parts(model: LoadedModel, source: Path, tmp_path: Path) -> None:
    description = model.description.model_copy(update={"images": True})
    of_images = LoadedModel(model.name, model.sha256, model.pipeline, description)
    assert "predictions of images are one file" in refusal(of_images, source, tmp_path / "out")


def test_two_runs_do_not_write_to_one_folder(model: LoadedModel, source: Path, tmp_path: Path) -> None:
    with output_folder(tmp_path / "out"):
        assert "another run writes to this folder; wait for its end" in refusal(
            model, source, tmp_path / "out"
        )
    scored(model, source, tmp_path / "out")


def test_dates_whose_order_differs_between_files_are_refused(model: LoadedModel, tmp_path: Path) -> None:
    folder = csv_folder(tmp_path / "csv", (".", "."))
    for file, form in (("rows-0.csv", "%d/%m/%Y"), ("rows-1.csv", "%m/%d/%Y")):
        rows = pd.read_csv(folder / file, sep=";", parse_dates=["day"])
        days = pd.date_range("2024-01-10", periods=len(rows)).strftime(form)
        rows.assign(day=days).to_csv(folder / file, sep=";", index=False)
    message = refusal(model, folder, tmp_path / "out")
    assert message.startswith("column 'day' is written with the ")
    assert "day first" in message
    assert "month first" in message
