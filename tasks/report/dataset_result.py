"""The records of one data set in one object, from which every part of the report takes its figures."""

from dataclasses import dataclass
from functools import cached_property

from tasks.problems import MetricColumn, Problem, problem_of
from tasks.report.noise import JudgedComparison, judged
from tasks.report.selection import completed, in_order, quality
from tasks.results import (
    Cell,
    Dataset,
    Evaluation,
    Picture,
    Recommendation,
    RegisteredModel,
    StudyResult,
)


@dataclass(frozen=True)
class DatasetResult:
    """The records of one data set.

    Parameters
    ----------
    described : Dataset
        The prepared data set in words and figures.
    cells : list of Cell
        The cells by algorithm, engine and search.
    evaluations : list of Evaluation
        The cross-validated ways to make a model.
    comparisons : list of JudgedComparison
        The paired differences between the evaluations, judged together.
    pictures : list of Picture
        The pictures of the data set and its models.
    recommendation : Recommendation, optional
        The study's answer for the data set; None while there is no answer yet.
    model : RegisteredModel, optional
        The registered version of the recommended model.
    """

    described: Dataset
    cells: list[Cell]
    evaluations: list[Evaluation]
    comparisons: list[JudgedComparison]
    pictures: list[Picture]
    recommendation: Recommendation | None
    model: RegisteredModel | None

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.described.name

    @property
    def problem(self) -> Problem:
        """Problem that the data set poses."""
        return problem_of(self.described.task)

    @cached_property
    def columns(self) -> list[MetricColumn]:
        """Columns of quality in the leaderboard, without optional ones in which no cell has a figure above zero."""
        return [
            column
            for column in self.problem.columns
            if not column.optional or any(quality(cell, column.metric) for cell in self.cells)
        ]

    @cached_property
    def completed(self) -> list[Cell]:
        """Cells that have a result."""
        return completed(self.cells)

    @property
    def recommended_cell(self) -> Cell | None:
        """Cell of the recommended way on the recommended engine; None where no cell is recommended."""
        chosen = self.recommendation
        if chosen is None or chosen.way is None:
            return None
        return next((c for c in self.completed if (c.way, c.engine) == (chosen.way, chosen.engine)), None)


def dataset_results(result: StudyResult) -> list[DatasetResult]:
    """Return the records of a study, one object for each data set, in the order of preparation."""
    return [_dataset_result(result, described) for described in result.datasets]


def _dataset_result(result: StudyResult, described: Dataset) -> DatasetResult:
    name = described.name
    evaluations = [one for one in result.evaluations if one.dataset == name]
    return DatasetResult(
        described=described,
        cells=in_order(cell for cell in result.cells if cell.dataset == name),
        evaluations=evaluations,
        comparisons=judged([one for one in result.comparisons if one.dataset == name], evaluations),
        pictures=[one for one in result.pictures if one.dataset == name],
        recommendation=next((one for one in result.recommendations if one.dataset == name), None),
        model=next((one for one in result.models if one.dataset == name), None),
    )
