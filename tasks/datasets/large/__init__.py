"""Large tables: learned from a sample and from counts of all rows, then cleaned and written piece by piece."""
