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
    row = next(r for r in leaderboard_rows(study) if r["recommended"] and r["data set"] == "diabetes")
    assert (row["algorithm"], row["engine"], row["search"]) == ("xgboost", "local", "random")
    assert row["holdout_accuracy"] == 0.7584
    assert row["silhouette"] is None
    assert (row["wall s"], row["CPU %"], row["peak MiB"]) == (7.31, 170, 260)
    searched = next(r for r in leaderboard_rows(study) if r["search"] == "grid")
    assert (searched["trials"], searched["fits"]) == (36, 60)


def test_a_failed_row_gives_its_reason(study: StudyResult) -> None:
    failures = [row for row in leaderboard_rows(study) if row["failure"]]
    assert [row["engine"] for row in failures] == ["spark"]
    assert str(failures[0]["failure"]).startswith("Spark's JVM ended")


def test_the_summary_tells_findings_scores_and_links(study: StudyResult) -> None:
    text = markdown_summary(study)
    assert "Recommended for diabetes: xgboost random" in text
    assert "| xgboost grid | accuracy | 75.1 % |" in text
    assert "[Dask dashboard](http://127.0.0.1:8787/status)" in text
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


def test_links_keep_their_address_and_stand_once(study: StudyResult) -> None:
    study.links["report in MLflow"] = "http://host/get-artifact?path=report.html&run_uuid=0f3c"
    text = markdown_summary(study)
    for address in study.links.values():
        assert text.count(address) == 1
    assert "[report in MLflow](http://host/get-artifact?path=report.html&run_uuid=0f3c)" in text
    assert f"report: `{study.links['report']}`" in text


def test_the_summary_begins_with_the_recommendations(study: StudyResult) -> None:
    head, *_ = markdown_summary(study).split("\n## ")
    assert "Recommended for diabetes" in head
    assert "Recommended for burger" in head
