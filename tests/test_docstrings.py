"""Docstrings keep their promises: parameters are described one by one, and the examples run."""

import ast
import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks", "deployments", "infra")
FEW = 2
"""Functions with at most so many arguments may describe them in a sentence."""
EXAMPLES = (
    "infra.engines",
    "infra.arithmetic",
    "infra.retrying",
    "infra.study_folder",
    "tasks.clustering.kmeans",
    "tasks.clustering.dbscan",
    "tasks.clustering.agglomerative",
    "tasks.ensembles.forest",
    "tasks.ensembles.gradient_boosting",
    "tasks.ensembles.xgboost",
    "tasks.vision.convnet",
    "tasks.search.search",
    "tasks.search.successive_halving",
    "tasks.search.bayesian",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def classes() -> dict[str, ast.ClassDef]:
    """Classes of the source by name."""
    return {
        node.name: node for _, tree in sources() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }


def inherited(owner: ast.ClassDef, method: str, known: dict[str, ast.ClassDef]) -> str:
    """Docstring of a method, or that of the base class which it implements."""
    own = next((one for one in owner.body if isinstance(one, Function) and one.name == method), None)
    if own is not None and (docstring := ast.get_docstring(own)):
        return docstring
    bases = [known[name] for base in owner.bases if (name := ast.unparse(base)) in known]
    return next((found for base in bases if (found := inherited(base, method, known))), "")


def public_functions(
    body: list[ast.stmt], known: dict[str, ast.ClassDef]
) -> Iterator[tuple[str, Function, str]]:
    """Public functions and methods with their docstring; that of a constructor is its class's."""
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node, ast.get_docstring(node) or ""
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        for method in node.body:
            if isinstance(method, Function) and method.name == "__init__":
                yield node.name, method, ast.get_docstring(node) or ""
            elif isinstance(method, Function) and not method.name.startswith("_"):
                yield f"{node.name}.{method.name}", method, inherited(node, method.name, known)


def arguments(function: Function) -> list[str]:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    named += [one for one in (given.vararg, given.kwarg) if one]
    return [one.arg for one in named if one.arg not in ("self", "cls")]


def described(docstring: str) -> set[str]:
    """Names that the Parameters section describes."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", docstring, re.M | re.S)
    if section is None:
        return set()
    heads = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: *:.*)?$", section.group(1), re.M)
    return {name.strip(" *") for head in heads for name in head.split(",")}


def undescribed() -> list[str]:
    """Public functions with three or more arguments, and the arguments that they do not describe."""
    found, known = [], classes()
    for path, tree in sources():
        for name, function, docstring in public_functions(tree.body, known):
            wanted = arguments(function)
            if len(wanted) <= FEW:
                continue
            missing = [one for one in wanted if one not in described(docstring)]
            if missing:
                found.append(f"{path.relative_to(ROOT)}:{function.lineno} {name}: {', '.join(missing)}")
    return found


def test_arguments_of_public_functions_are_described() -> None:
    assert undescribed() == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str) -> None:
    module = import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert tried, f"{name} has no example"
    assert not failed


if __name__ == "__main__":
    print("\n".join(undescribed()))
