"""The structure that makes the code easy to change: no import circle, one meaning of a name, no question for a kind."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import grimp

from tasks.datasets.catalogue import Task
from tests.test_docstrings import PACKAGES, ROOT, sources

PROBLEMS = ROOT / "tasks" / "problems"
KINDS = set(get_args(Task))


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that import each other (strongly connected components; R. Tarjan, 1972)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for other in imports[module]:
            if other not in numbers:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], numbers[other])
        if lowest[module] == numbers[module]:
            start = stack.index(module)
            found.append(set(stack[start:]))
            del stack[start:]

    for module in imports:
        if module not in numbers:
            visit(module)
    return [group for group in found if len(group) > 1]


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


def test_no_files_import_each_other() -> None:
    """Imports inside functions and for type checks count too."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert circles({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}) == []


def kind_comparisons(tree: ast.Module) -> Iterator[int]:
    """Lines on which something is compared with the name of a kind of problem."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            names = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
            if names & KINDS:
                yield node.lineno


def comparisons_outside(folder: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path, tree in sources()
        if not path.is_relative_to(folder)
        for line in kind_comparisons(tree)
    ]


def test_nobody_outside_the_problems_compares_with_a_kind() -> None:
    assert comparisons_outside(PROBLEMS) == []


def test_a_name_of_a_class_has_one_meaning() -> None:
    """Two classes of one name are two meanings, even if no file uses both."""
    places: dict[str, list[str]] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_every_name_of_the_architecture_page_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = set(re.findall(r"`([^`\n]+)`", text.replace("```", "")))
    code = "\n".join(path.read_text() for path, _ in sources())
    missing = []
    for name in names:
        if name.startswith("trilla ") or name.startswith("--") or name in ("code style", "trilla"):
            continue
        if "/" in name:
            missing += [name] if not (ROOT / name).exists() else []
        else:
            parts = name.split(".")
            missing += [name for part in parts if not re.search(rf"\b{re.escape(part)}\b", code)]
    assert missing == []
