"""Grid and random search: exhaustive answers, each distinct computation once."""

from tasks.search.search import GridSearch, RandomSearch

__all__ = ["GridSearch", "RandomSearch"]
