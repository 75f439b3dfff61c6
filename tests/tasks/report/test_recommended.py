"""The recommendation in sentences."""

import shlex

from tasks.report.recommended import recommendation_lines, use_command
from tasks.results import RegisteredModel, StudyResult
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


def test_the_command_of_a_name_with_signs_of_the_shell_can_be_copied() -> None:
    model = RegisteredModel(
        dataset="a|b c", model="xgboost grid", name="a|b c", version="1", alias="champion", reason="", url=""
    )
    assert shlex.split(use_command(model))[:3] == ["trilla", "score", "a|b c@champion"]
