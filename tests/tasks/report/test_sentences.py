import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report import sentences
from tasks.report.artifacts import leaderboard_rows, markdown_summary
from tasks.report.dataset_result import dataset_results
from tasks.report.html import render
from tasks.report.noise import holm
from tasks.results import Evaluation, StudyResult
from tests.tasks.report.synthetic import comparison, data_of, make_study
from tests.tasks.report.test_leaderboard import cell_line, printed

CLAIMS = ("beats", "loses to", ": significant", "beyond the noise.")


def compared(difference: float, p: float) -> StudyResult:
    study = make_study()
    study.comparisons = [comparison("xgboost grid", "xgboost baseline", difference, p)]
    return study


def holdout_only() -> StudyResult:
    study = make_study()
    study.evaluations, study.comparisons = [], []
    return study


def test_a_difference_inside_the_noise_is_not_claimed() -> None:
    assert sentences.comparisons_in_words(data_of(compared(0.004, 0.31), "diabetes")) == [
        "xgboost grid is 0.4 points above baseline, p = 0.31: not significant"
    ]


def test_the_last_bits_of_a_mean_are_no_difference() -> None:
    assert sentences.comparisons_in_words(data_of(compared(1e-17, 1.0), "diabetes")) == [
        "xgboost grid is 0.0 points from baseline, p = 1.00: not significant"
    ]


def test_a_difference_beyond_the_noise_is_claimed_with_its_direction() -> None:
    assert sentences.comparisons_in_words(data_of(compared(0.02, 0.0004), "diabetes")) == [
        "xgboost grid beats baseline by 2.0 points, p < 0.001: significant"
    ]
    assert sentences.comparisons_in_words(data_of(compared(-0.02, 0.011), "diabetes")) == [
        "xgboost grid loses to baseline by 2.0 points, p = 0.011: significant"
    ]
    gain = sentences.gains(data_of(compared(0.02, 0.0004), "diabetes"))[0]
    assert "(p < 0.001): beyond the noise." in gain


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.05, 1)), min_size=1, max_size=4))
def test_no_sentence_claims_what_no_test_shows(found: list[tuple[float, float]]) -> None:
    study = make_study()
    study.cells = [cell for cell in study.cells if cell.engine == "local"]
    names = ["xgboost baseline", "xgboost grid", "xgboost random"]
    study.comparisons = [comparison(names[i % 3], names[(i + 1) % 3], d, p) for i, (d, p) in enumerate(found)]
    words = sentences.dataset_findings(data_of(study, "diabetes")) + sentences.comparisons_in_words(
        data_of(study, "diabetes")
    )
    assert not [line for line in words for claim in CLAIMS if claim in line and "but not" not in line]


def test_several_comparisons_are_judged_together(study: StudyResult) -> None:
    lines = sentences.comparisons_in_words(data_of(study, "diabetes"))
    assert lines[1] == (
        "xgboost random is 0.6 points above baseline, "
        "p = 0.040, 0.08 after correction for the number of comparisons: not significant"
    )
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_without_a_test_the_intervals_decide() -> None:
    study = make_study()
    study.comparisons = []
    base = study.evaluations[0]
    update = {"search": "grid", "mean": base.high + 0.05, "low": base.high + 0.02, "high": base.high + 0.08}
    apart: Evaluation = base.model_copy(update=update)
    study.evaluations = [base, apart]
    assert "beyond the noise." in sentences.gains(data_of(study, "diabetes"))[0]
    study.evaluations = [base, base.model_copy(update={"search": "grid", "mean": base.mean + 0.01})]
    assert "within the noise, so no gain is shown" in sentences.gains(data_of(study, "diabetes"))[0]


def test_a_hold_out_alone_shows_its_standard_error() -> None:
    gain = sentences.gains(data_of(holdout_only(), "diabetes"))[0]
    assert "hold-out accuracy 76.5 %, the baseline 74.5 %, on 149 rows" in gain
    assert (
        "standard error of 3.5 points: the difference is within the noise, so no difference is shown" in gain
    )
    assert "The search took 9.87 s on local, the baseline 0.42 s on local." in gain


def test_a_hold_out_of_unknown_size_claims_nothing() -> None:
    study = holdout_only()
    for cell in study.cells:
        cell.metrics.pop("holdout_rows", None)
    assert "so no difference is claimed" in sentences.gains(data_of(study, "diabetes"))[0]


def test_a_silhouette_names_its_space(study: StudyResult) -> None:
    gain = sentences.gains(data_of(study, "burger-king"))[0]
    assert "in the space 'standardised': 0.132 higher" in gain


def test_the_fastest_engine_is_named_over_common_cells(study: StudyResult) -> None:
    words = sentences.engine_speed(data_of(study, "burger-king").cells)
    assert words is not None
    assert words.startswith("Fastest engine: local 0.67 s for the 2 cells that every engine completed")
    assert "spark took 14.1 s (21.0 times as long)" in words


def test_times_within_the_noise_name_no_fastest_engine() -> None:
    study = make_study()
    for cell in study.cells:
        cell.usage.wall_s = 10.0 if cell.engine == "local" else 11.0
    words = sentences.engine_speed(data_of(study, "diabetes").cells)
    assert words is not None
    assert words.startswith("No engine was clearly fastest: ")


def test_engines_that_agree(study: StudyResult) -> None:
    assert sentences.engines_agreement(data_of(study, "diabetes").cells) == [
        "Same scores and the same choices on local, dask and spark."
    ]


def test_engines_that_differ_say_where() -> None:
    study = make_study()
    cell = next(c for c in data_of(study, "diabetes").cells if (c.engine, c.search) == ("spark", "grid"))
    cell.metrics["holdout_accuracy"] = 112 / 149
    cell.params = {"max_depth": 2}
    first, second = sentences.engines_agreement(data_of(study, "diabetes").cells)
    assert first == (
        "Engines differ: xgboost grid, hold-out accuracy "
        "76.51 % on local, 76.51 % on dask and 75.17 % on spark."
    )
    assert second.endswith("max_depth = 2 on spark.")


def test_the_whole_study(study: StudyResult) -> None:
    assert sentences.study_findings(study) == [
        "The 291 trials of all searches have 1,080 scores on folds, computed with 377 fits, because trials share "
        "computations.",
        "The study was resumed: 12 trials kept from the interrupted run.",
        "1 of 18 cells failed; the reasons are listed.",
    ]


def test_minimal_results_have_findings_without_failing(minimal: StudyResult) -> None:
    every = dataset_results(minimal)
    found = [line for data in every for line in sentences.dataset_findings(data)]
    assert "nan" not in str([*found, *sentences.study_findings(minimal)])


def test_of_many_comparisons_those_of_the_recommended_way_are_told_and_the_others_counted(
    study: StudyResult,
) -> None:
    recommended = data_of(study, "diabetes").recommendation
    assert recommended is not None
    ways = [str(recommended.way), *(f"forest {i}" for i in range(4))]
    significant = {(ways[0], "forest 1"), ("forest 0", "forest 1"), ("forest 0", "forest 2")}
    comparisons = [
        comparison(a, b, 0.03, 1e-6) if (a, b) in significant else comparison(a, b, 0.001, 0.04)
        for i, a in enumerate(ways)
        for b in ways[i + 1 :]
    ]
    found = study.model_copy(update={"comparisons": comparisons})
    told = sentences.comparisons_in_words(data_of(found, "diabetes"))
    assert told[0].startswith(f"{ways[0]} beats forest 1 by ")
    assert told[1:] == [
        "2 other differences are significant, each of them between two ways that are not recommended",
        "7 of the 10 differences between these ways are not significant: the smallest of their p-values, corrected "
        "for the number of comparisons, is 0.28",
    ]
    unanswered = found.model_copy(update={"recommendations": []})
    assert len(sentences.comparisons_in_words(data_of(unanswered, "diabetes"))) == 4


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(None, "This is a first look: small networks, 77 images, 3 epochs."), (3, "for 3 epochs;")],
)
def test_how_long_networks_were_trained_is_told(epochs: int | None, expected: str) -> None:
    study = make_study()
    name = "burger-king"
    assert sentences.training_budget(data_of(study, name)) is None
    for cell in data_of(study, name).cells:
        cell.curve = [{"loss": 0.7}] * 3
    about = next(dataset for dataset in study.datasets if dataset.name == name)
    about.epochs = epochs
    found = sentences.training_budget(data_of(study, name))
    assert found is not None
    assert expected in found
    assert found in sentences.dataset_findings(data_of(study, name))


def test_what_stands_in_is_told_before_the_gains() -> None:
    study = make_study()
    about = next(dataset for dataset in study.datasets if dataset.name == "diabetes")
    about.caution = "Others stand in."
    assert sentences.dataset_findings(data_of(study, "diabetes"))[0] == about.caution


def test_cells_that_are_too_large_are_told_once_with_the_estimate(study: StudyResult) -> None:
    cells = [cell for cell in data_of(study, "burger-king").cells if cell.algorithm == "kmeans"]
    for cell in cells:
        cell.status, cell.error = "too_large", "K-means of 9 rows would take 9 h"
    sentence = (
        "Not run, because the table is too large (kmeans baseline, grid and random on local, dask and spark): "
        "K-means of 9 rows would take 9 h."
    )
    assert sentences.size_lines(cells) == [sentence]
    assert sentence in sentences.dataset_findings(data_of(study, "burger-king"))
    assert sentences.failure_lines(cells) == []
    assert sentence in markdown_summary(study)
    assert sentence in render(study)
    assert "not run, the table is too large: K-means of 9 rows would take 9 h" in render(study)
    text = printed(study, 200)
    assert sentence in " ".join(text.split())
    assert "too large" in cell_line(text[text.index("burger-king") :], "spark", "random")
    [row, *_] = [row for row in leaderboard_rows(study) if row["not run"]]
    assert (row["not run"], row["failure"]) == ("K-means of 9 rows would take 9 h", "")
