import json

from tasks.report.artifacts import leaderboard_rows, markdown_summary
from tasks.results import StudyResult
from tests.tasks.report.synthetic import make_study


def test_rows_have_the_same_columns_and_finite_figures(study: StudyResult) -> None:
    rows = leaderboard_rows(study)
    assert len(rows) == len(study.cells)
    assert len({tuple(row) for row in rows}) == 1
    json.dumps(rows, allow_nan=False)


def test_a_row_tells_what_the_cell_is_and_costs(study: StudyResult) -> None:
    row = next(r for r in leaderboard_rows(study) if r["best"] and r["data set"] == "diabetes")
    assert (row["algorithm"], row["engine"], row["search"]) == ("xgboost", "local", "grid")
    assert row["holdout_accuracy"] == 0.7651
    assert row["silhouette"] is None
    assert (row["trials"], row["fits"], row["wall s"], row["CPU %"], row["peak MiB"]) == (
        36,
        60,
        9.87,
        170,
        260,
    )


def test_a_failed_row_gives_its_reason(study: StudyResult) -> None:
    failures = [row for row in leaderboard_rows(study) if row["failure"]]
    assert [row["engine"] for row in failures] == ["spark"]
    assert str(failures[0]["failure"]).startswith("Spark's JVM ended")


def test_the_summary_tells_findings_scores_and_links(study: StudyResult) -> None:
    text = markdown_summary(study)
    assert "What paid off: xgboost baseline on local" in text
    assert "| xgboost grid | accuracy | 75.1 % |" in text
    assert "<http://127.0.0.1:8787/status>" in text
    assert "Failed: kmeans on spark, random" in text


def test_names_cannot_break_the_markdown() -> None:
    study = make_study()
    study.name = "a|b <script> [x](javascript:alert) `c`"
    study.links = {"odd": "javascript:alert(1)"}
    text = markdown_summary(study)
    assert "<script>" not in text
    assert r"# a\|b &lt;script&gt; \[x\](javascript:alert) \`c\`" in text
    assert "`javascript:alert(1)`" in text


def test_minimal_results_have_rows_and_a_summary(minimal: StudyResult) -> None:
    json.dumps(leaderboard_rows(minimal), allow_nan=False)
    assert markdown_summary(minimal).startswith("# s\n")
