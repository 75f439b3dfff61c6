"""The recommendation in sentences, which are the same in terminal, report, Prefect and MLflow."""

import shlex

from tasks.report import wording
from tasks.report.dataset_result import DatasetResult
from tasks.results import Recommendation, RegisteredModel, Way


def recommendation_lines(data: DatasetResult) -> list[str]:
    """Return the recommendation, its reason, the registered version, and the command that uses this version.

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
    place = f"fastest on {chosen.engine}" if chosen.engine else _without_engine(chosen.way)
    return (
        f"Recommended for {chosen.dataset}: {chosen.way}, {wording.metric_name(chosen.metric)} "
        f"{wording.score(chosen.score, chosen.metric)}{interval}, measured {chosen.basis}, {place}."
    )


def _without_engine(way: Way) -> str:
    return "fitted in one process" if way.is_baseline else "completed on no engine"


def _registered(model: RegisteredModel | None, chosen: Recommendation) -> list[str]:
    if model is None and chosen.low is None:
        return ["No model is registered: only models of cross-validated ways are registered."]
    if model is None and chosen.engine is None and chosen.way and not chosen.way.is_baseline:
        return ["No model is registered: the search completed on no engine, so its parameters are not known."]
    if model is None:
        return ["No model is registered: MLflow did not answer."]
    return [
        f"Registered as {model.name} version {model.version}, {model.alias}: {model.reason}.",
        f"Use the model: {use_command(model)}",
    ]


def use_command(model: RegisteredModel) -> str:
    """Return the command that predicts new rows with a registered model."""
    reference = shlex.quote(f"{model.name}@{model.alias}")  # a name may hold signs of a shell
    return f"trilla score {reference} NEW_DATA --out predictions.csv"
