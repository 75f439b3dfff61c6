"""Pictures of a data set and its best models, drawn where the data is."""

from tasks.pictures.winners import pictures

__all__ = ["pictures"]
