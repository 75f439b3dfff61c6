"""Linear models that are fitted to blocks of rows, on one process, Dask and Spark, with the same answers."""

from tasks.linear.logistic_regression import LogisticRegression
from tasks.linear.ridge import Ridge

__all__ = ["LogisticRegression", "Ridge"]
