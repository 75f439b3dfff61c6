"""The recommendation in sentences."""

from tasks.report.recommended import recommendation_lines
from tasks.results import StudyResult
from tests.tasks.report.synthetic import data_of, recommended


def test_where_every_cell_of_the_recommended_search_failed_no_model_is_said_to_be_fitted(
    study: StudyResult,
) -> None:
    for cell in study.cells:
        cell.status = "failed"
    study.evaluations = [one for one in study.evaluations if one.search == "grid"]
    answer, registered = recommendation_lines(data_of(recommended(study), "diabetes"))
    assert "measured by 10 x 10 cross-validation, completed on no engine. " in answer
    assert registered == (
        "No model is registered: the search completed on no engine, so its parameters are not known."
    )
