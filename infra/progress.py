"""The type of functions that are called with the progress of some work."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Function that is called with the amount done and the total amount (0 if the total is unknown)."""
