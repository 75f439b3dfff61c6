"""The kinds of problems that a study can solve, one module each.

What differs between classification, regression, clustering and vision is said in these modules and nowhere else:
how data are prepared and split, which metric decides, what is cross-validated, which figures, pictures and
sentences show the result. Everything else asks the problem of a data set, and never which kind it is.
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
    """Problem of that name, for example of `PreparedDataset.task`."""
    return PROBLEMS[task]
