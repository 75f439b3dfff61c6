"""Imports of libraries, whose objects live as long as their process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def begin_imports() -> None:
    """Look for no garbage from now on."""
    gc.disable()


def end_imports() -> None:
    """Look for garbage again, but not among the objects that are there."""
    gc.freeze()
    gc.enable()


@contextmanager
def kept_imports() -> Iterator[None]:
    """Import without looking for garbage, now and later.

    An import of large libraries makes some hundred thousand objects that are never freed. Python looks for garbage
    among them again and again, which takes a fifth of the time. Afterwards the objects are left out of each search;
    Python's documentation of `gc.freeze` advises this for a process that forks others.
    """
    begin_imports()
    try:
        yield
    finally:
        end_imports()
