"""The leaderboard and the findings in the form that Prefect's table and markdown artifacts take."""

import math
import re

from tasks.report import noise, sentences, wording
from tasks.report.selection import (
    HOLDOUT_ROWS,
    best_cell,
    cells_of,
    dataset_names,
    quality,
    worker_memory,
)
from tasks.results import Cell, StudyResult

Value = str | int | float | None


def leaderboard_rows(result: StudyResult) -> list[dict[str, Value]]:
    """Return one row for each cell, for a table artifact; every row has the same columns, all finite.

    Times are in seconds, memory in MiB; a figure a cell does not have is None.
    """
    metrics = list(dict.fromkeys(m for cell in result.cells for m in cell.metrics if m != HOLDOUT_ROWS))
    rows = []
    for name in dataset_names(result):
        cells = cells_of(result, name)
        best = best_cell(cells)
        rows += [_row(cell, metrics, cell is best) for cell in cells]
    return rows


def _row(cell: Cell, metrics: list[str], best: bool) -> dict[str, Value]:
    quality_figures = {name: _rounded(quality(cell, name), 4) for name in metrics}
    return {
        "data set": cell.dataset,
        "algorithm": cell.algorithm,
        "engine": cell.engine,
        "search": cell.search,
        "best": "★" if best else "",
        **quality_figures,
        "search score": _rounded(cell.cv_score, 4),
        "trials": len(cell.trials),
        "fits": cell.fits,
        "kept": cell.kept,
        "wall s": round(cell.usage.wall_s, 3),
        "CPU %": round(cell.usage.cpu_percent),
        "peak MiB": round(cell.usage.peak_rss / wording.MIB),
        "driver MiB": round(cell.usage.driver.peak_rss / wording.MIB),
        "workers MiB": round(worker_memory(cell) / wording.MIB),
        "parameters": wording.parameters(cell.params),
        "failure": wording.one_line(cell.error or "") if cell.status == "failed" else "",
        "MLflow": cell.mlflow_url or "",
    }


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def markdown_summary(result: StudyResult) -> str:
    """Return the findings, the cross-validated scores, the comparisons and the links as markdown."""
    parts = [f"# {_plain(result.name)}"]
    for name in dataset_names(result):
        parts.append(f"## {_plain(name)}")
        parts.append(_bullets(sentences.short_findings(result, name)))
        parts.append(_evaluations(result, name))
        parts.append(_bullets(sentences.comparisons_in_words(result, name)))
        parts.append(
            _bullets([f"Failed: {line}" for line in sentences.failure_lines(cells_of(result, name))])
        )
    parts.append(_bullets(sentences.study_findings(result)))
    parts.append("\n".join(f"- {_plain(name)}: {_address(url)}" for name, url in result.links.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _evaluations(result: StudyResult, dataset: str) -> str:
    evaluations = noise.evaluations_of(result, dataset)
    if not evaluations:
        return ""
    head = "| cross-validated | metric | mean | 95 % interval | repeats x folds |\n|---|---|---:|---:|---:|"
    lines = [
        f"| {_plain(e.algorithm)} {e.search} | {_plain(wording.metric_name(e.metric))} "
        f"| {wording.score(e.mean, e.metric)} "
        f"| {wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)} | {sentences.scheme(e)} |"
        for e in evaluations
    ]
    return "\n".join([head, *lines])


def _plain(text: str) -> str:
    """Text on one line that markdown and HTML leave as it is."""
    escaped = wording.one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", escaped)


def _address(url: str) -> str:
    address = wording.one_line(url)
    return f"<{address}>" if re.fullmatch(r"https?://[^\s<>]+", address) else f"`{address.replace('`', '')}`"
