"""Imported objects are kept out of the search for garbage, and garbage is found all the same."""

import gc
import weakref

import pytest

from infra.importing import kept_imports


class Node:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_imported_is_not_searched_and_later_garbage_is_freed() -> None:
    with kept_imports():
        imported = Node()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not any(one is imported for one in gc.get_objects())
    garbage = weakref.ref(Node())
    gc.collect()
    assert garbage() is None


def test_a_failed_import_leaves_the_search_on() -> None:
    with pytest.raises(ModuleNotFoundError), kept_imports():
        import nosuch  # noqa: F401
    assert gc.isenabled()
