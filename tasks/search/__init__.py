"""Grid and random search: exhaustive answers, each distinct computation once; and successive halving, inexact."""

from tasks.search.halving import HalvingSearch
from tasks.search.search import GridSearch, RandomSearch

__all__ = ["GridSearch", "HalvingSearch", "RandomSearch"]
