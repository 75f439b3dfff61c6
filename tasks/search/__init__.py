"""Grid and random search, exhaustive, each distinct computation once; halving and Bayesian search, inexact."""

from tasks.search.bayesian import BayesianSearch
from tasks.search.halving import HalvingSearch
from tasks.search.search import GridSearch, RandomSearch

__all__ = ["BayesianSearch", "GridSearch", "HalvingSearch", "RandomSearch"]
