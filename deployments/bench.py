"""`trilla bench`: the benchmarks of tests/benchmarks, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deployments.result_files import check_result_file
from deployments.stack import bring_up
from infra.errors import ParameterError
from infra.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "benchmarks"


def bench(name: str | None, json_file: Path | None) -> int:
    """Run one benchmark or all of them, and print each comparison as a ratio.

    Parameters
    ----------
    name : str, optional
        Name of the benchmark; None runs all of them.
    json_file : Path, optional
        File to write the figures to as well.

    Returns
    -------
    int
        Exit status: 0 if every benchmark ran to its end, else 1.

    Raises
    ------
    ParameterError
        If there is no benchmark of that name, or the file cannot be written.
    """
    known = benchmarks()
    if name is not None and name not in known:
        raise ParameterError(f"benchmark {name!r} is unknown; allowed: {', '.join(known)}")
    check_result_file("--json", json_file)
    bring_up()
    console = Console()
    chosen = [name] if name else known
    figures: dict[str, object] = {}
    for number, one in enumerate(chosen, 1):
        found = _run(one, f"{one} ({number} of {len(chosen)})", console)
        if found is None:
            return 1
        _show(console, found)
        figures[one] = found
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2))
    return 0


def benchmarks() -> list[str]:
    """List the names of the benchmarks that come with the source.

    Raises
    ------
    ParameterError
        If trilla was installed without its source.
    """
    if not FOLDER.is_dir():
        raise ParameterError(f"the benchmarks come with the source: there is no folder {FOLDER}")
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def _run(name: str, title: str, console: Console) -> list[dict[str, object]] | None:
    """Run a benchmark in a process of its own; if the benchmark fails, print the path of its log and return None."""
    log = load_settings().home / "logs" / f"bench-{name}-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    console.rule(title)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"tests.benchmarks.bench_{name}", str(output)]
        with log.open("wb") as errors, _progress(title, console):
            status = _follow(command, errors, console)
        if status:
            print(f"trilla: benchmark {name!r} failed: see {log}", file=sys.stderr)
            return None
        found: list[dict[str, object]] = json.loads(output.read_text())
        return found


def _progress(title: str, console: Console) -> Progress:
    """Make the progress line, which shows in a terminal which benchmark runs and for how long."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.add_task(title, total=None)
    return progress


def _follow(command: list[str], errors: IO[bytes], console: Console) -> int:
    """Show a benchmark's own lines as they come; the log lines of libraries (standard error) go to a file."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        for line in process.stdout or ():
            console.print(line.rstrip(), soft_wrap=True, markup=False, highlight=False)
    return process.returncode


def _show(console: Console, rows: list[dict[str, object]]) -> None:
    table = Table("what", "ours", "peer", "ratio", "aim", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[column]) for column in ("what", "ours", "peer", "ratio", "aim")))
    console.print(table)
