"""How work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Function that is called with what is done and with all there is to do (0 where that is unknown)."""
