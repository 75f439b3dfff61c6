"""The prepared file: cleaning counted, bytes repeatable, digest guarded, folds kept apart."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from xgboost import XGBClassifier

from infra.errors import DataError
from tasks.datasets.catalogue import CATALOGUE, Source, resolve
from tasks.datasets.holdout import stratified_holdout
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor
from tasks.problems import problem_of
from tests.tasks.preparing import prepare

ZEROS = {"glucose": 5, "pressure": 35, "triceps": 227, "insulin": 374, "mass": 11}


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return prepare(CATALOGUE["diabetes"], tmp_path_factory.mktemp("prepared"), folds=10)


def own(tmp_path: Path, frame: pd.DataFrame, target: str | None = "y") -> Source:
    frame.to_csv(tmp_path / "own.csv", index=False)
    return resolve(str(tmp_path / "own.csv"), target)


def mixed(rows: int = 60) -> pd.DataFrame:
    index = np.arange(rows)
    return pd.DataFrame(
        {
            "size": index * 0.5,
            "colour": np.where(index % 3, "red", "<blue>"),
            "y": np.where(index % 2, "no", "yes"),
        }
    )


def test_zeros_that_mean_not_measured_are_missing(diabetes: PreparedDataset) -> None:
    features, y = diabetes.load()
    assert {name: int(features[name].isna().sum()) for name in features} == dict.fromkeys(features, 0) | ZEROS
    for name, count in ZEROS.items():
        assert f"{name}: {count} zeros are 'not measured', now missing" in diabetes.notes
    oracle = pd.read_csv(CATALOGUE["diabetes"].path)
    assert diabetes.classes == ["neg", "pos"]
    np.testing.assert_array_equal(y, oracle["diabetes"] == "pos")
    np.testing.assert_array_equal(features["pregnant"], oracle["pregnant"])


def test_burger_king_keeps_its_eleven_figures(tmp_path: Path) -> None:
    prepared = prepare(CATALOGUE["burger-king"], tmp_path)
    features, y = prepared.load()
    assert features.shape == (70, 11)
    assert y is None
    assert prepared.notes == [
        "item: left out, it names the rows",
        "fiber: 10 of 70 cells are missing",
        "protein: 1 of 70 cells are missing",
    ]
    fitted = preprocessor(prepared, scale=True, impute=True).fit_transform(features)
    np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(fitted.std(axis=0), 1)


def test_the_same_input_gives_the_same_bytes_in_another_process(
    tmp_path: Path, diabetes: PreparedDataset
) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.datasets.catalogue import resolve;"
        "from tests.tasks.preparing import prepare;"
        "print(prepare(resolve('diabetes'), Path(sys.argv[1])).sha256)"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == diabetes.sha256
    (kept,) = tmp_path.glob("*.parquet")
    assert kept.name == f"diabetes-{diabetes.sha256[:12]}.parquet"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == diabetes.sha256


def test_a_kept_file_is_reused_and_a_damaged_one_replaced(tmp_path: Path) -> None:
    first = prepare(CATALOGUE["diabetes"], tmp_path)
    path = Path(first.path)
    inode = path.stat().st_ino
    assert prepare(CATALOGUE["diabetes"], tmp_path) == first
    assert path.stat().st_ino == inode
    path.write_bytes(b"damaged")
    assert prepare(CATALOGUE["diabetes"], tmp_path) == first
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first.sha256
    kept = {path.with_suffix(suffix).name for suffix in (".columns.json", ".json", ".parquet")}
    assert {p.name for p in tmp_path.iterdir()} == kept


def test_preparing_at_the_same_time_leaves_one_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: prepare(CATALOGUE["burger-king"], tmp_path), range(8)))
    assert all(one == made[0] for one in made)
    assert len(list(tmp_path.iterdir())) == 3
    assert made[0].load()[0].shape == (70, 11)


def test_the_metadata_beside_it_round_trips(diabetes: PreparedDataset) -> None:
    written = Path(diabetes.path).with_suffix(".json").read_text()
    assert PreparedDataset.model_validate(json.loads(written)) == diabetes


@pytest.mark.parametrize(("change", "message"), [(b"x", "changed during the run"), (None, "cannot be read")])
def test_a_file_that_changed_during_the_run_is_refused(
    tmp_path: Path, change: bytes | None, message: str
) -> None:
    path = Path((prepared := prepare(own(tmp_path, mixed()), tmp_path / "kept")).path)
    if change is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + change)
    with pytest.raises(DataError, match=message) as caught:
        prepared.load()
    assert str(path) in str(caught.value)


def test_what_a_caller_does_to_its_copy_stays_there(diabetes: PreparedDataset) -> None:
    features, y = diabetes.load()
    assert y is not None
    features["glucose"] = 0.0
    y[:] = 0
    again, y_again = diabetes.load()
    assert y_again is not None
    assert again["glucose"].max() > 0
    assert y_again.sum() == 268


def test_the_holdout_is_the_published_size_and_stratified(diabetes: PreparedDataset) -> None:
    _, y = diabetes.load()
    assert y is not None
    train, test = stratified_holdout(y, diabetes.classes)
    assert (len(train), len(test)) == (619, 149)
    assert sorted([*train, *test]) == list(range(768))
    ((_, oracle),) = StratifiedShuffleSplit(1, test_size=149, random_state=0).split(y, y)
    np.testing.assert_array_equal(np.bincount(y[test]), np.bincount(y[oracle]))
    np.testing.assert_array_equal(test, stratified_holdout(y, diabetes.classes)[1])
    assert len(stratified_holdout(y, diabetes.classes, rows=100)[1]) == 100


def test_the_holdout_has_two_of_a_rare_class(tmp_path: Path) -> None:
    prepared = prepare(own(tmp_path, mixed().assign(y=["rare"] * 4 + ["common"] * 56)), tmp_path)
    _, y = prepared.load()
    assert y is not None
    train, test = stratified_holdout(y, prepared.classes)
    assert prepared.classes == ["common", "rare"]
    assert list(np.bincount(y[test])) == [11, 2]
    assert list(np.bincount(y[train])) == [45, 2]
    with pytest.raises(DataError, match=r"class 'common' has 56 rows, and holding out 56"):
        stratified_holdout(y, prepared.classes, rows=60)


@pytest.mark.parametrize("target", [["no", "yes"], np.linspace(0.1, 7, 40).round(3)])
def test_rows_on_both_sides_of_the_holdout_are_counted_as_the_study_splits(
    tmp_path: Path, target: Any
) -> None:
    half = pd.DataFrame({"x": np.arange(400) * 0.37, "y": np.resize(target, 400)})
    twice = pd.concat([half, half]).reset_index(drop=True).rename_axis("id").reset_index()
    source = own(tmp_path, twice)
    dataset = prepare(source, tmp_path)
    split = problem_of(dataset.task).split(dataset)
    trained = set(map(tuple, split.X.assign(y=split.y).to_numpy().tolist()))
    tested = list(map(tuple, split.X_test.assign(y=split.y_test).to_numpy().tolist()))
    leaked = sum(row in trained for row in tested)
    assert 0 < leaked < len(tested)
    [note] = [note for note in dataset.notes if "equal to another row" in note]
    assert note.startswith("warning: 800 rows are equal to another row in all columns that models use")
    assert f"(400 different rows); all are kept, and {leaked} of {len(tested)} held-out rows stand" in note


def test_nothing_is_learned_from_the_test_rows(diabetes: PreparedDataset) -> None:
    features, y = diabetes.load()
    assert y is not None
    train, test = stratified_holdout(y, diabetes.classes)
    spoiled = features.copy()
    spoiled.loc[test, "insulin"] = 1e9
    fitted = preprocessor(diabetes, scale=False, impute=True).fit(spoiled.iloc[train])
    medians = fitted.named_transformers_["numeric"][0].statistics_
    np.testing.assert_array_equal(medians, features.iloc[train].median())
    everything = preprocessor(diabetes, scale=False, impute=True).fit(spoiled)
    assert everything.named_transformers_["numeric"][0].statistics_[4] != medians[4]


def test_missing_numbers_pass_through_for_xgboost(diabetes: PreparedDataset) -> None:
    features, y = diabetes.load()
    raw = preprocessor(diabetes, scale=False, impute=False).fit_transform(features)
    np.testing.assert_array_equal(raw, features)
    model = make_pipeline(preprocessor(diabetes, scale=False, impute=False), XGBClassifier(n_estimators=3))
    assert model.fit(features, y).score(features, y) > 0.7


def test_categories_unknown_and_missing_are_encoded(tmp_path: Path) -> None:
    frame = mixed()
    frame.loc[:5, "colour"] = None
    prepared = prepare(own(tmp_path, frame), tmp_path)
    features, y = prepared.load()
    assert prepared.columns == ["size", "colour"]
    assert "colour: 6 of 60 cells are missing" in prepared.notes
    made = preprocessor(prepared, scale=True, impute=True).set_output(transform="pandas")
    assert list(made.fit_transform(features)) == ["size", "colour=‹blue>", "colour=red", "colour=nan"]
    unknown = features.head(1).assign(colour=pd.Categorical(["green"]))
    assert list(made.transform(unknown).iloc[0, 1:]) == [0, 0, 0]
    make_pipeline(made, RandomForestClassifier(5)).fit(features, y)


def test_odd_names_reach_xgboost(tmp_path: Path) -> None:
    source = own(tmp_path, mixed().rename(columns={"size": "Größe [<cm>]", "colour": "色 \n x"}))
    prepared = prepare(source, tmp_path)
    features, y = prepared.load()
    assert list(features) == ["Größe [<cm>]", "色 x"]
    made = preprocessor(prepared, scale=False, impute=False).set_output(transform="pandas")
    XGBClassifier(n_estimators=2).fit(made.fit_transform(features), y)


def test_cleaning_tells_what_it_left_out(tmp_path: Path) -> None:
    frame = mixed().assign(
        user=[f"user {i}" for i in range(60)],
        when=pd.date_range("2024-01-01", periods=60).astype(str),
        blank=np.nan,
        wild=[np.inf, -np.inf, np.nan] + [1.0] * 57,
    )
    frame.loc[7, "y"] = None
    frame["wild"] += frame["size"] % 7
    frame.to_csv(tmp_path / "own.csv")  # with a column of row numbers that has no name
    prepared = prepare(resolve(str(tmp_path / "own.csv"), "y"), tmp_path)
    dates = [f"when: {part}" for part in ("month", "day", "weekday", "day of year", "days")]
    assert prepared.columns == ["size", *dates, "wild", "colour", "user"]
    assert prepared.texts == ["user"]
    assert prepared.rows == 59
    features, _ = prepared.load()
    assert features["wild"].isna().sum() == 3
    told = "\n".join(prepared.notes)
    for expected in (
        "1 of 60 rows left out: 'y' is empty there",
        "a column without a name: left out, it has the name of an index",
        "when: dates like '2024-01-01' become month, day, weekday, day of year and days since 2024-01-01",
        "blank: left out, it is empty",
        "wild: 2 infinite values, now missing",
        "wild: 1 of 59 cells are missing",
    ):
        assert expected in told


def test_a_table_without_features_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [None] * 20, "y": ["a", "b"] * 10})
    with pytest.raises(DataError, match=r"has no column to learn from: user: left out, it is empty"):
        prepare(own(tmp_path, frame), tmp_path)


def test_the_refusal_of_a_wide_table_without_features_is_readable(tmp_path: Path) -> None:
    frame = pd.DataFrame({f"g{i}": [i] * 20 for i in range(500)}).assign(y=["a", "b"] * 10)
    with pytest.raises(DataError, match=r"the same value in every row.*likewise 499 other columns") as caught:
        prepare(own(tmp_path, frame), tmp_path)
    assert len(str(caught.value)) < 1_000


def test_a_column_with_the_name_of_a_part_of_a_date_is_refused(tmp_path: Path) -> None:
    frame = mixed().assign(when=pd.date_range("2024-01-01", periods=60).astype(str))
    frame["when: month"] = frame["size"] * 2 % 7
    with pytest.raises(DataError, match=r"has a column 'when: month', and column 'when' holds dates"):
        prepare(own(tmp_path, frame), tmp_path)


def test_text_is_left_out_of_clustering(tmp_path: Path) -> None:
    prepared = prepare(own(tmp_path, mixed(), None), tmp_path)
    assert prepared.columns == ["size"]
    assert prepared.target is None


@pytest.mark.parametrize(
    ("values", "classes"), [([10, 9, 2], ["2", "9", "10"]), ([0.5, 1.5, 1.0], ["0.5", "1.0", "1.5"])]
)
def test_numeric_classes_are_ordered_as_numbers(
    tmp_path: Path, values: list[float], classes: list[str]
) -> None:
    prepared = prepare(own(tmp_path, mixed().assign(y=values * 20)), tmp_path)
    assert prepared.classes == classes
    _, y = prepared.load()
    assert y is not None
    assert [float(classes[code]) for code in y] == values * 20


def test_the_positive_class_comes_last(tmp_path: Path) -> None:
    frame = mixed().assign(y=["sick", "well"] * 30)
    frame.to_csv(tmp_path / "own.csv", index=False)
    source = Source("own", tmp_path / "own.csv", "classification", "y", positive="sick")
    assert prepare(source, tmp_path).classes == ["well", "sick"]


def test_many_row_groups_keep_categories(tmp_path: Path) -> None:
    rows = 70_000
    frame = mixed(rows)
    frame["colour"] = np.where(np.arange(rows) < 69_000, "red", "late")
    prepared = prepare(own(tmp_path, frame), tmp_path)
    features, _ = prepared.load()
    assert list(features["colour"]) == list(frame["colour"])
    assert list(features["colour"].cat.categories) == ["late", "red"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match=r"cannot write the prepared data to '.*taken'"):
        prepare(CATALOGUE["diabetes"], tmp_path / "taken")


texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8).filter(
    lambda text: text.strip() == text and not text[0].isdigit()
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(texts, min_size=2, max_size=5, unique_by=lambda name: " ".join(name.split())),
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(12, 40),
)
def test_random_tables_survive_the_round_trip(tmp_path: Path, names: list[str], seed: int, rows: int) -> None:
    names = [" ".join(name.split()) for name in names]
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {name: generator.normal(size=rows) * 10.0 ** generator.integers(-300, 300) for name in names}
    )
    frame = frame.mask(generator.random(frame.shape) < 0.1).dropna(axis=1, how="all")
    frame["the target"] = np.where(np.arange(rows) % 2, "no", "yes")
    prepared = prepare(own(tmp_path, frame, "the target"), tmp_path / "kept")
    features, y = prepared.load()
    pd.testing.assert_frame_equal(features, frame.drop(columns="the target"), check_exact=True)
    assert y is not None
    assert [prepared.classes[code] for code in y] == list(frame["the target"])
