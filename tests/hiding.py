"""Environments in which packages look as if they were not installed, also to the processes started there."""

import os
from collections.abc import Sequence
from pathlib import Path

PROGRAM = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {hidden!r}


class WithoutHidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, context, **others):
        return () if context.name in HIDDEN else PathFinder.find_distributions(context, **others)


sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutHidden
"""


def environment_without(packages: Sequence[str], folder: Path) -> dict[str, str]:
    """Make environment variables for processes of Python that cannot find some packages.

    Parameters
    ----------
    packages : sequence of str
        Names of the packages, which are the names of their modules too.
    folder : Path
        Empty folder; Python imports the file `sitecustomize.py` that is written there when it starts.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(PROGRAM.format(hidden=tuple(packages)))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}
