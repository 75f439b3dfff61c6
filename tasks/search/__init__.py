"""Hyperparameter search: exhaustive grid and random search; inexact successive halving and Bayesian search."""

from tasks.search.bayesian import BayesianSearch
from tasks.search.search import GridSearch, RandomSearch
from tasks.search.successive_halving import HalvingSearch

__all__ = ["BayesianSearch", "GridSearch", "HalvingSearch", "RandomSearch"]
