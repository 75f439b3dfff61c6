"""A model sees in use what it saw in training: a recipe gives the prepared table again from the same file."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline

from infra.errors import DataError
from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import BUNDLED, CATALOGUE, Source, resolve
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.options import ReadingOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.recipe import Recipe
from tasks.results import Way
from tests.tasks.preparing import prepare

ROWS = 120
Model = tuple[Pipeline, models.Description]


def draw(values: Any, seed: int = 0, rows: int = ROWS) -> Any:
    return np.asarray(values)[np.random.default_rng(seed).integers(0, len(values), rows)]


def with_gaps(values: Any, gap: Any = None, seed: int = 9) -> Any:
    return np.where(np.random.default_rng(seed).random(len(values)) < 0.2, gap, values)


def train(dataset: PreparedDataset, folder: Path, algorithm: str = "random_forest") -> Model:
    way, options = Way(algorithm, "baseline"), ModelOptions(seed=3)
    return models.load(fit_whole(dataset, way, {"n_estimators": 5}, options, folder / "model"))


def score(trained: Model, path: Path | str, **of_source: Any) -> pd.DataFrame:
    return models.score_table(*trained, resolve(str(path), **of_source))


def expected(trained: Model, dataset: PreparedDataset) -> pd.DataFrame:
    """What the model predicts for the prepared table itself."""
    model, description = trained
    X, _ = dataset.load()
    if not dataset.classes:
        return pd.DataFrame({"prediction": model.predict(X)})
    shares = model.predict_proba(X)
    columns = {f"probability of {name}": shares[:, i] for i, name in enumerate(description.classes)}
    return pd.DataFrame({"prediction": [description.classes[i] for i in shares.argmax(axis=1)], **columns})


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)


def as_csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def as_semicolon_csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "semicolon.csv", index=False, sep=";", decimal=",")
    return folder / "semicolon.csv"


def as_german_csv(frame: pd.DataFrame, folder: Path) -> Path:
    """Semicolons, decimal commas and thousands points."""
    written = frame.apply(lambda column: column.map(german) if column.dtype == np.float64 else column)
    written.to_csv(folder / "german.csv", index=False, sep=";")
    return folder / "german.csv"


def german(number: float) -> str:
    return "" if np.isnan(number) else f"{number:,}".translate(str.maketrans(",.", ".,"))


def as_parquet(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_parquet(folder / "table.parquet", index=False)
    return folder / "table.parquet"


def as_partitions(frame: pd.DataFrame, folder: Path) -> Path:
    """Two parts in folders whose names hold the values of two columns."""
    for year, part in ((2024, frame.iloc[: len(frame) // 2]), (2025, frame.iloc[len(frame) // 2 :])):
        place = folder / "parts" / f"year={year}" / "shop=north%20west"
        place.mkdir(parents=True)
        part.to_parquet(place / "0.parquet", index=False)
    return folder / "parts"


FORMS: dict[str, Callable[[pd.DataFrame, Path], Path]] = {
    "csv": as_csv,
    "semicolon": as_semicolon_csv,
    "german": as_german_csv,
    "parquet": as_parquet,
    "partitions": as_partitions,
}
NUMBERS = np.random.default_rng(1).normal(size=ROWS)
COLUMNS: dict[str, Any] = {
    "numbers": NUMBERS,
    "integers": draw(range(-5, 30)),
    "integers with gaps": pd.array(with_gaps(draw(range(9))), "Int64"),
    "missing words": with_gaps(draw(range(9)).astype(str), draw(MISSING_WORDS)),
    "infinities": with_gaps(NUMBERS, draw([np.inf, -np.inf, np.nan])),
    "truths": draw([True, False]),
    "truths with gaps": pd.array(with_gaps(draw([True, False])), "boolean"),
    "texts": draw(["red", "green", "blue"]),
    "texts with gaps": with_gaps(draw([" red", "green ", "blue"])),
    "texts, some of digits": draw(["a", "b", "1", "2", "c"]),
    "texts, some of digits in two spellings": draw(["a", "b", "c", "d", "1", "1.0", "01"]),
    "texts, some of decimal commas": draw(["a", "b", "c", "1,5", "2.5"]),
    "digits": draw(["1", "2", "03"]),
    "codes": with_gaps(draw(["00501", "10001", "94105"])),
    "words for truths": draw(["True", "False"]),
    "words for truths in two spellings": draw(["True", "FALSE", "false"]),
    "more texts than get a column": draw([f"level {i}" for i in range(58)]),
    "identifiers": [f"row {i}" for i in range(ROWS)],
    "dates": pd.date_range("2024-01-01", periods=ROWS),
    "dates as texts": pd.date_range("2024-01-01", periods=ROWS).astype(str),
    "durations": [f"{i}:0{i % 7}:{i % 50 + 10}" for i in range(ROWS)],
    "nothing": [None] * ROWS,
    "row numbers": np.arange(ROWS),
}
CLASSES = np.where(NUMBERS > 0, "yes", "no")
TARGETS: dict[str, Any] = {
    "two classes": CLASSES,
    "three classes": draw(["a", "b", "c"], seed=4),
    "class numbers": draw([1, 2, 10], seed=4),
    "true or false": draw([True, False], seed=4),
    "classes with gaps": with_gaps(CLASSES),
    "quantity": NUMBERS * 3 + draw(range(9)),
    "quantity with gaps": with_gaps(NUMBERS * 3, np.nan).astype(float),
}


def known(frame: pd.DataFrame, target: str) -> Any:
    return frame[target].notna().to_numpy()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_is_scored_as_it_was_trained(tmp_path: Path, kind: str, form: str) -> None:
    frame = pd.DataFrame({"size": draw(range(50), seed=2), "it": COLUMNS[kind], "target": CLASSES})
    path = FORMS[form](frame, tmp_path)
    dataset = prepare(resolve(str(path), "target"), tmp_path)
    trained = train(dataset, tmp_path)
    features, _ = dataset.load()
    assert_same(trained[1].recipe.apply(trained[1].recipe.read(resolve(str(path)))), features)
    assert_same(score(trained, path), expected(trained, dataset))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_of_target_is_predicted_as_it_was_trained(tmp_path: Path, target: str, form: str) -> None:
    frame = pd.DataFrame(
        {"size": NUMBERS, "colour": COLUMNS["texts with gaps"], "the target": TARGETS[target]}
    )
    path = FORMS[form](frame, tmp_path)
    dataset = prepare(resolve(str(path), "the target"), tmp_path)
    trained = train(dataset, tmp_path)
    found = score(trained, path)
    rows = known(frame, "the target")
    assert len(found) == ROWS
    assert_same(found[rows].reset_index(drop=True), expected(trained, dataset))


@pytest.mark.parametrize("algorithm", ["random_forest", "gradient_boosting", "xgboost"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_algorithm_scores_all_kinds_of_columns_as_trained(
    tmp_path: Path, algorithm: str, form: str
) -> None:
    path = FORMS[form](pd.DataFrame({**COLUMNS, "target": CLASSES}), tmp_path)
    dataset = prepare(resolve(str(path), "target"), tmp_path)
    trained = train(dataset, tmp_path, algorithm)
    assert_same(score(trained, path), expected(trained, dataset))


@pytest.mark.parametrize("kind", [kind for kind in COLUMNS if kind != "words for truths in two spellings"])
@pytest.mark.parametrize(
    ("here", "there"),
    [("csv", "parquet"), ("parquet", "csv"), ("csv", "semicolon"), ("csv", "german"), ("german", "parquet")],
)
def test_the_same_values_in_another_form_are_the_same_to_the_model(
    tmp_path: Path, kind: str, here: str, there: str
) -> None:
    frame = pd.DataFrame({"size": NUMBERS, "it": COLUMNS[kind], "target": CLASSES})
    dataset = prepare(resolve(str(FORMS[here](frame, tmp_path)), "target"), tmp_path)
    trained = train(dataset, tmp_path)
    assert_same(score(trained, FORMS[there](frame, tmp_path)), expected(trained, dataset))


def test_zeros_that_were_not_measured_are_missing_in_use_too(tmp_path: Path) -> None:
    dataset = prepare(CATALOGUE["diabetes"], tmp_path)
    trained = train(dataset, tmp_path, "xgboost")
    assert_same(score(trained, BUNDLED / "diabetes.csv"), expected(trained, dataset))
    assert_same(score(trained, "diabetes"), expected(trained, dataset))
    frame = pd.read_csv(BUNDLED / "diabetes.csv")
    gaps = ["glucose", "pressure", "triceps", "insulin", "mass"]
    frame[gaps] = frame[gaps].mask(frame[gaps] == 0)
    for write in (as_csv, as_parquet, as_semicolon_csv):
        assert_same(score(trained, write(frame, tmp_path)), expected(trained, dataset))


def test_odd_names_are_found_again(tmp_path: Path) -> None:
    frame = pd.DataFrame({" Größe \n[<cm>]": NUMBERS, "色 \t x": COLUMNS["texts"], " the  target": CLASSES})
    dataset = prepare(resolve(str(as_csv(frame, tmp_path)), "the target"), tmp_path)
    trained = train(dataset, tmp_path, "xgboost")
    assert trained[1].recipe.inputs == ["Größe [<cm>]", "色 x"]
    assert_same(score(trained, tmp_path / "table.csv"), expected(trained, dataset))
    assert_same(score(trained, as_parquet(frame, tmp_path)), expected(trained, dataset))
    collapsed = frame.rename(columns=lambda name: " ".join(name.split()))
    assert_same(score(trained, as_semicolon_csv(collapsed, tmp_path)), expected(trained, dataset))


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": NUMBERS,
            "code": draw(["a", "b", "c", "1", "2"]),
            "flag": draw([True, False]),
            "item": [None] * ROWS,
            "target": CLASSES,
        }
    )


@pytest.fixture(params=["csv", "parquet"])
def trained(request: pytest.FixtureRequest, table: pd.DataFrame, tmp_path: Path) -> Model:
    (tmp_path / "training").mkdir()
    path = FORMS[request.param](table, tmp_path / "training")
    return train(prepare(resolve(str(path), "target"), tmp_path), tmp_path)


def scored(trained: Model, frame: pd.DataFrame, tmp_path: Path, form: str) -> pd.DataFrame:
    return score(trained, FORMS[form](frame, tmp_path))


@pytest.mark.parametrize("form", ["csv", "parquet", "semicolon"])
def test_the_order_of_columns_is_free_and_more_of_them_are_passed_over(
    trained: Model, table: pd.DataFrame, tmp_path: Path, form: str
) -> None:
    wanted = scored(trained, table, tmp_path, form)
    turned = table[table.columns[::-1]].drop(columns=["item", "target"])
    turned["mixed"] = ["1"] * (ROWS - 1) + ["a text"]
    turned.insert(0, "blank", None)
    assert_same(scored(trained, turned, tmp_path, form), wanted)
    assert_same(scored(trained, table.assign(target=0, item=1), tmp_path, form), wanted)


def test_columns_that_nobody_needs_may_have_one_name(
    trained: Model, table: pd.DataFrame, tmp_path: Path
) -> None:
    twice = pd.concat([table, table[["item"]], table[["item"]]], axis=1)
    assert_same(scored(trained, twice, tmp_path, "csv"), scored(trained, table, tmp_path, "semicolon"))
    with pytest.raises(DataError, match="are all called 'size'"):
        scored(trained, pd.concat([table, table[["size"]]], axis=1), tmp_path, "csv")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_category_of_digits_alone_stays_a_category(
    trained: Model, table: pd.DataFrame, tmp_path: Path, form: str
) -> None:
    wanted = scored(trained, table, tmp_path, form)
    for code, codes in (("1", [1, 1.0, "1", "01", "1.0"]), ("2", [2, 2.0, " 2 "])):
        rows = table["code"] == code
        for written in codes:
            found = scored(trained, table[rows].assign(code=written), tmp_path, form)
            assert_same(found, wanted[rows].reset_index(drop=True))


@pytest.mark.parametrize(
    "spelled", [{True: True, False: False}, {True: "true", False: "FALSE"}, {True: "True", False: "False"}]
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_truths_are_understood_however_they_are_written(
    trained: Model, table: pd.DataFrame, tmp_path: Path, form: str, spelled: dict[bool, Any]
) -> None:
    wanted = scored(trained, table, tmp_path, "semicolon")
    assert_same(scored(trained, table.assign(flag=table["flag"].map(spelled)), tmp_path, form), wanted)


def test_unknown_texts_are_those_the_encoder_does_not_know(
    trained: Model, table: pd.DataFrame, tmp_path: Path
) -> None:
    found = scored(trained, table.assign(code="never seen"), tmp_path, "csv")
    model, description = trained
    X = description.recipe.apply(description.recipe.read(resolve(str(as_parquet(table, tmp_path)))))
    X["code"] = pd.Categorical(["never seen"] * ROWS)
    np.testing.assert_array_equal(found["probability of yes"], model.predict_proba(X)[:, 1])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_missing_column_is_named(trained: Model, table: pd.DataFrame, tmp_path: Path, form: str) -> None:
    with pytest.raises(DataError) as caught:
        scored(trained, table.drop(columns="code"), tmp_path, form)
    path = tmp_path / f"table.{form}"
    assert str(caught.value) == f"'{path}': column 'code' is missing; the model needs: size, code, flag"
    with pytest.raises(DataError, match="columns size, flag are missing; the model needs: size, code, flag"):
        scored(trained, table.drop(columns=["size", "flag"]), tmp_path, form)


@pytest.mark.parametrize(
    ("form", "place"), [("csv", "line 9"), ("semicolon", "line 9"), ("parquet", "row 8")]
)
def test_a_word_among_numbers_is_named_with_its_line(
    trained: Model, table: pd.DataFrame, tmp_path: Path, form: str, place: str
) -> None:
    frame = table.astype({"size": object})
    frame.loc[7, "size"] = "very \n much"
    if form == "parquet":
        frame["size"] = frame["size"].astype(str)
    with pytest.raises(DataError) as caught:
        scored(trained, frame, tmp_path, form)
    message = str(caught.value)
    assert f", {place}: column 'size' holds 'very much' where numbers belong (1 of 120 values" in message
    assert "\n" not in message


def test_a_strange_truth_is_named_with_its_row(table: pd.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(resolve(str(as_parquet(table, tmp_path)), "target"), tmp_path)
    trained = train(dataset, tmp_path)
    for strange in ("perhaps", "2"):
        words = table.assign(flag=table["flag"].astype(str))
        words.loc[5, "flag"] = strange
        with pytest.raises(
            DataError, match=f"line 7: column 'flag' holds '{strange}' where true or false belongs"
        ):
            scored(trained, words, tmp_path, "csv")
    assert_same(
        scored(trained, table.assign(flag=table["flag"].astype(float)), tmp_path, "csv"),
        expected(trained, dataset),
    )


@pytest.mark.parametrize(("name", "belong"), [("size", "numbers"), ("code", "texts")])
def test_a_column_of_dates_is_refused_where_something_else_belongs(
    trained: Model, table: pd.DataFrame, tmp_path: Path, name: str, belong: str
) -> None:
    frame = table.assign(**{name: [date(2024, 1, 1)] * ROWS})
    with pytest.raises(
        DataError, match=rf"column '{name}' holds values of type date32\[day\] where {belong} belong"
    ):
        scored(trained, frame, tmp_path, "parquet")


@pytest.mark.parametrize("name", ["size", "code", "flag"])
def test_a_column_may_be_wholly_missing(
    trained: Model, table: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    frame = table.assign(**{name: None})
    assert_same(scored(trained, frame, tmp_path, "csv"), scored(trained, frame, tmp_path, "parquet"))


def test_a_table_without_rows_is_refused(trained: Model, table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows to predict"):
        scored(trained, table.head(0), tmp_path, "parquet")


def test_parts_may_differ_in_the_type_of_numbers_and_in_columns_nobody_needs(
    trained: Model, table: pd.DataFrame, tmp_path: Path
) -> None:
    whole = table.assign(size=np.arange(ROWS))
    (tmp_path / "parts").mkdir()
    whole.head(60).to_parquet(tmp_path / "parts" / "0.parquet", index=False)
    other = whole.tail(60).astype({"size": float}).assign(item=1.5, more="x")
    other.to_parquet(tmp_path / "parts" / "1.parquet", index=False)
    assert_same(score(trained, tmp_path / "parts"), scored(trained, whole, tmp_path, "parquet"))


def test_a_recipe_is_the_same_after_a_round_trip_as_json(trained: Model) -> None:
    recipe = trained[1].recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert "format" in recipe.model_dump()
    with pytest.raises(ValueError, match=r"has format 99, and this version of trilla reads format"):
        Recipe.model_validate({**recipe.model_dump(), "format": 99})


def test_a_recipe_tells_why_a_column_is_left_out(trained: Model) -> None:
    left_out = [column for column in trained[1].recipe.columns if not column.is_used]
    assert [column.name for column in left_out] == ["item"]
    assert left_out[0].model_dump()["reason"] == "it is empty"


def test_a_recipe_is_small_whatever_the_number_of_texts(tmp_path: Path) -> None:
    rows = 9_000
    codes = [f"a{i}" if i % 3 else str(i) for i in range(rows // 2)] * 2
    frame = pd.DataFrame(
        {"size": np.arange(rows) * 0.5, "code": codes, "target": ["no", "yes"] * (rows // 2)}
    )
    source = resolve(str(as_csv(frame, tmp_path)), "target")
    dataset = prepare(source, tmp_path)
    assert len(dataset.recipe.model_dump_json()) < 1_000
    assert_same(dataset.recipe.apply(dataset.recipe.read(source)), dataset.load()[0])


def test_what_stands_for_not_measured_is_the_catalogues(tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": draw([-9, 1, 2, 3]), "depth": draw([-9, 4]), "target": CLASSES})
    path = as_csv(frame, tmp_path)
    source = Source("own", path, "classification", "target", not_measured={"size": -9.0})
    dataset = prepare(source, tmp_path)
    features = dataset.recipe.apply(dataset.recipe.read(resolve(str(path))))
    assert features.isna().sum().to_dict() == {"size": int((frame["size"] == -9).sum()), "depth": 0}
    assert_same(features, dataset.load()[0])


def test_the_reading_of_new_rows_is_told(trained: Model, table: pd.DataFrame, tmp_path: Path) -> None:
    frame = table.astype({"size": object})
    frame.loc[:4, "size"] = "n.a."
    path = as_csv(frame, tmp_path)
    path.write_text("Monthly report\n" + path.read_text())
    told: list[str] = []
    models.score_table(*trained, resolve(str(path)), told.append)
    title, words = told
    assert title.startswith("line 1 above the header left out")
    assert words == "size: 5 cells hold 'n.a.', now missing"


def test_a_table_without_header_is_scored_as_it_was_trained(table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False, header=False)
    options = ReadingOptions(no_header=True)
    dataset = prepare(resolve(str(path), "column 5", options=options), tmp_path)
    trained = train(dataset, tmp_path)
    assert trained[1].recipe.inputs == ["column 1", "column 2", "column 3"]
    assert_same(score(trained, path), expected(trained, dataset))


def columns_of(rows: int) -> st.SearchStrategy[list[Any]]:
    kinds = [
        st.floats(-1e30, 1e30) | st.sampled_from([np.inf, -np.inf, np.nan]),
        st.integers(-(2**53), 2**53),
        st.booleans(),
        st.one_of(st.none(), st.floats(-1e6, 1e6)),
        st.one_of(st.none(), st.booleans()),
        st.sampled_from(
            ["red", "Blue", "1", "1.0", "01", "true", "True", "1,5", "?", "x;y", 'a "b"', "é\nü"]
        ),
        st.one_of(st.none(), st.sampled_from(["a", "b", "NA", " c "])),
        st.sampled_from(["1", "2", "3.5", ""]),
        st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=3),
        st.dates().map(str),
    ]
    return st.sampled_from(kinds).flatmap(lambda kind: st.lists(kind, min_size=rows, max_size=rows))


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    rows = draw(st.integers(12, 30))
    columns = draw(st.lists(columns_of(rows), min_size=1, max_size=4))
    frame = pd.DataFrame({f"column {i}": values for i, values in enumerate(columns)})
    return frame.assign(size=np.arange(rows) * 0.5 + 3, target=np.where(np.arange(rows) % 2, "no", "yes"))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=tables(), form=st.sampled_from(["csv", "semicolon", "german", "parquet"]))
def test_random_tables_are_scored_as_they_were_trained(
    tmp_path: Path, frame: pd.DataFrame, form: str
) -> None:
    path = FORMS[form](frame, tmp_path)
    try:
        dataset = prepare(resolve(str(path), "target"), tmp_path)
    except DataError as error:
        assert "where numbers belong" in str(error)  # noqa: PT017 (any other refusal is a fault)
        return
    recipe = Recipe.model_validate_json(dataset.recipe.model_dump_json())
    features, _ = dataset.load()
    assert_same(recipe.apply(recipe.read(resolve(str(path)))), features)
    trained = train(dataset, tmp_path)
    assert_same(score(trained, path), expected(trained, dataset))


def test_a_column_without_a_name_is_found_again_by_its_place(tmp_path: Path) -> None:
    frame = pd.DataFrame({"": draw(range(9)), "size": NUMBERS, "target": CLASSES})
    trained = train(prepare(resolve(str(as_csv(frame, tmp_path)), "target"), tmp_path), tmp_path)
    assert trained[1].recipe.inputs == ["column 1", "size"]
    wanted = score(trained, as_csv(frame, tmp_path))
    for row in range(3):  # a single whole number could be an index
        found = score(trained, as_csv(frame[row : row + 1], tmp_path))
        assert_same(found, wanted[row : row + 1].reset_index(drop=True))


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (
            lambda number: f"{number / 1000}k",
            "' is read as 8600; a letter such as k or M behind a number multiplies",
        ),
        (
            lambda number: f"{number}%",
            "' is read as 8600; the numbers of the training table do not have the unit '%'",
        ),
    ],
)
def test_units_that_the_training_table_does_not_have_are_told(
    tmp_path: Path, write: Callable[[int], str], told: str
) -> None:
    numbers = [1000 + 100 * int(i) for i in draw(range(90))]
    frame = pd.DataFrame({"size": numbers, "other": NUMBERS, "target": CLASSES})
    trained = train(prepare(resolve(str(as_csv(frame, tmp_path)), "target"), tmp_path), tmp_path)
    wanted = score(trained, as_csv(frame, tmp_path))
    notes: list[str] = []
    written = frame.assign(size=[write(number) for number in numbers])
    assert_same(models.score_table(*trained, resolve(str(as_csv(written, tmp_path))), notes.append), wanted)
    [note] = notes
    assert note.startswith("size: warning: '8")
    assert told in note


def test_numbers_with_letters_that_multiply_are_scored_as_trained(tmp_path: Path) -> None:
    numbers = [f"{i / 10}k" if i % 3 else str(100 * i) for i in draw(range(90))]
    frame = pd.DataFrame({"size": numbers, "other": NUMBERS, "target": CLASSES})
    trained = train(prepare(resolve(str(as_csv(frame, tmp_path)), "target"), tmp_path), tmp_path)
    wanted = score(trained, as_csv(frame, tmp_path))
    plain = frame.assign(size=[float(n[:-1]) * 1000 if n.endswith("k") else float(n) for n in numbers])
    assert_same(score(trained, as_csv(plain, tmp_path)), wanted)
    few = frame[frame["size"].str.endswith("k")]
    assert_same(score(trained, as_csv(few, tmp_path)), wanted.loc[few.index].reset_index(drop=True))
