"""`trilla bench`: the benchmarks of tests/benchmarks, each in a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deployments.stack import bring_up
from infra.errors import ParameterError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "benchmarks"


def bench(name: str | None, json_file: Path | None) -> int:
    """Run one benchmark or all of them, and print each comparison as a ratio.

    Returns
    -------
    int
        Exit status: 0 if every benchmark ran to its end, else 1.

    Raises
    ------
    ParameterError
        If there is no benchmark of that name.
    """
    known = benchmarks()
    if name is not None and name not in known:
        raise ParameterError(f"benchmark {name!r} is unknown; allowed: {', '.join(known)}")
    bring_up()
    console = Console()
    figures: dict[str, object] = {}
    for chosen in [name] if name else known:
        console.rule(chosen)
        found = _run(chosen)
        if found is None:
            return 1
        _show(console, found)
        figures[chosen] = found
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2))
    return 0


def benchmarks() -> list[str]:
    """Names of the benchmarks that come with the source."""
    if not FOLDER.is_dir():
        raise ParameterError(f"the benchmarks come with the source: there is no folder {FOLDER}")
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def _run(name: str) -> list[dict[str, object]] | None:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"tests.benchmarks.bench_{name}", str(output)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return None
        found: list[dict[str, object]] = json.loads(output.read_text())
        return found


def _show(console: Console, rows: list[dict[str, object]]) -> None:
    table = Table("what", "ours", "peer", "ratio", "aim", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[column]) for column in ("what", "ours", "peer", "ratio", "aim")))
    console.print(table)
