"""Pictures of a data set and its winning models, made where the data is."""

from tasks.pictures.winners import pictures

__all__ = ["pictures"]
