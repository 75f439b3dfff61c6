"""The recommendation in sentences: the same ones in terminal, report, Prefect and MLflow."""

from tasks.report import wording
from tasks.report.dataset_result import DatasetResult
from tasks.results import Recommendation, RegisteredModel


def recommendation_lines(data: DatasetResult) -> list[str]:
    """Return what is recommended, why, which version is registered, and the command that uses it.

    The list is empty while the study has no recommendation for the data set.
    """
    chosen = data.recommendation
    if chosen is None:
        return []
    return [f"{answer(chosen)} {chosen.reason}", *_registered(data.model, chosen)]


def answer(chosen: Recommendation) -> str:
    """Return the recommendation in one sentence: way, figure with interval, engine."""
    if chosen.way is None or chosen.score is None:
        return f"Recommended for {chosen.dataset}: none."
    interval = ""
    if chosen.low is not None and chosen.high is not None:
        interval = (
            f" (95 % interval {wording.score(chosen.low, chosen.metric)} to "
            f"{wording.score(chosen.high, chosen.metric)})"
        )
    place = f"fastest on {chosen.engine}" if chosen.engine else "fitted in one process"
    return (
        f"Recommended for {chosen.dataset}: {chosen.way}, {wording.metric_name(chosen.metric)} "
        f"{wording.score(chosen.score, chosen.metric)}{interval}, measured {chosen.basis}, {place}."
    )


def _registered(model: RegisteredModel | None, chosen: Recommendation) -> list[str]:
    if model is None and chosen.low is None:
        return ["No model is registered: only cross-validated ways are."]
    if model is None:
        return ["No model is registered: MLflow did not answer."]
    return [
        f"Registered as {model.name} version {model.version}, {model.alias}: {model.reason}.",
        f"Use it: {use_command(model)}",
    ]


def use_command(model: RegisteredModel) -> str:
    """Return the command that predicts new rows with a registered model."""
    return f"trilla score {model.name}@{model.alias} NEW_DATA --out predictions.csv"
