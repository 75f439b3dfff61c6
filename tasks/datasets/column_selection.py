"""The rule by which models of a very wide table get a selection of its columns of numbers."""

from tasks.datasets.recipe import Recipe

MOST_COLUMNS = 1_000  # of a table with more columns of numbers than rows


def selects_columns(recipe: Recipe, rows: int) -> bool:
    """Whether models get a selection: of more than `MOST_COLUMNS` columns of numbers, and more columns than rows."""
    return recipe.target is not None and len(recipe.numeric) > max(MOST_COLUMNS, rows)


def notes_of_selection(recipe: Recipe, rows: int) -> list[str]:
    """Sentence that tells of the selection; an empty list if models get all columns."""
    if not selects_columns(recipe, rows):
        return []
    return [
        f"each model uses only {MOST_COLUMNS:,} of the {len(recipe.numeric):,} columns of numbers, those that are most "
        f"strongly associated with the target in its training rows, because the table has only {rows:,} rows"
    ]
