"""The kinds of problems that a study can solve, one module each.

Only these modules state the differences between classification, regression, clustering and vision: how data are
prepared and split, which metric decides, what is cross-validated, and which figures, pictures and sentences show the
result. All other modules ask the `Problem` of a data set and never compare the names of problems.
"""

from collections.abc import Mapping

from tasks.datasets.catalogue import Task
from tasks.problems.base import EvaluationScheme, MetricColumn, Problem
from tasks.problems.classification import Classification
from tasks.problems.clustering import Clustering
from tasks.problems.regression import Regression
from tasks.problems.vision import Vision

PROBLEMS: Mapping[Task, Problem] = {
    problem.name: problem for problem in (Classification(), Regression(), Clustering(), Vision())
}

__all__ = ["PROBLEMS", "EvaluationScheme", "MetricColumn", "Problem", "problem_of"]


def problem_of(task: Task) -> Problem:
    """Problem with the name `task`, for example the value of `PreparedDataset.task`."""
    return PROBLEMS[task]
