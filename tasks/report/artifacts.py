"""The leaderboard and the findings in the form that Prefect's table and markdown artifacts take."""

import math
import re
from collections.abc import Mapping

from tasks.report import sentences, wording
from tasks.report.column_words import HEADINGS, changes, column_rows, general_notes, some_columns
from tasks.report.dataset_result import DatasetResult, dataset_results
from tasks.report.recommended import recommendation_lines
from tasks.report.selection import HOLDOUT_ROWS, quality, worker_memory
from tasks.results import Cell, Dataset, StudyResult

Value = str | int | float | None


def leaderboard_rows(result: StudyResult) -> list[dict[str, Value]]:
    """Return one row for each cell, for a table artifact; every row has the same columns, all finite.

    Times are in seconds and memory in MiB; a figure that a cell does not have is None.
    """
    metrics = list(dict.fromkeys(m for cell in result.cells for m in cell.metrics if m != HOLDOUT_ROWS))
    rows = []
    for data in dataset_results(result):
        rows += [_row(cell, metrics, cell is data.recommended_cell) for cell in data.cells]
    return rows


def _row(cell: Cell, metrics: list[str], recommended: bool) -> dict[str, Value]:
    quality_figures = {name: _rounded(quality(cell, name), 4) for name in metrics}
    return {
        "data set": cell.dataset,
        "algorithm": cell.algorithm,
        "engine": cell.engine,
        "search": cell.search,
        "recommended": "★" if recommended else "",
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
        "not run": wording.one_line(cell.error or "") if cell.status == "too_large" else "",
        "MLflow": cell.mlflow_url or "",
    }


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def columns_table(described: Dataset) -> list[dict[str, Value]]:
    """Return one row for each column of a data set's file, for a table artifact."""
    return [dict(zip(HEADINGS, row, strict=True)) for row in column_rows(described.surveys)]


def columns_description(described: Dataset) -> str:
    """Return a heading for the table of columns, with the notes about the whole table."""
    lines = [f"Columns of {described.name}", some_columns(described), *general_notes(described)]
    return "\n\n".join(_plain(line) for line in lines if line)


def images_markdown(described: Dataset) -> str:
    """Return what was done to images, as a markdown list."""
    return _bullets([line for line in (described.caution, *changes(described)) if line])


def markdown_summary(result: StudyResult) -> str:
    """Return the recommendations, the findings, the scores, the comparisons and the links as markdown."""
    parts = [f"# {_plain(result.name)}", markdown_recommendations(result)]
    for data in dataset_results(result):
        parts.append(f"## {_plain(data.name)}")
        parts.append(_bullets(sentences.short_findings(data)))
        parts.append(_evaluations(data))
        parts.append(_bullets(sentences.comparisons_in_words(data)))
        parts.append(_bullets([f"Failed: {line}" for line in sentences.failure_lines(data.cells)]))
    parts.append(_bullets(sentences.study_findings(result)))
    parts.append(markdown_links(result.links))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_recommendations(result: StudyResult) -> str:
    """Return the recommendation for each data set, as markdown lists."""
    return "\n\n".join(_bullets(recommendation_lines(data)) for data in dataset_results(result))


def markdown_links(links: Mapping[str, str]) -> str:
    """Return a list of links; an address that is no web address, such as the path of a file, is shown as text."""
    return "\n".join(f"- {_link(name, address)}" for name, address in links.items())


def _link(name: str, address: str) -> str:
    shown = wording.one_line(address)
    if re.fullmatch(r"https?://[^\s<>()]+", shown):
        return f"[{_plain(name)}]({shown})"
    return f"{_plain(name)}: `{shown.replace('`', '')}`"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _evaluations(data: DatasetResult) -> str:
    if not data.evaluations:
        return ""
    way, size = sentences.evaluation_headings(data.evaluations)
    head = f"| {way} | metric | mean | 95 % interval | {size} |\n|---|---|---:|---:|---:|"
    lines = [
        f"| {_plain(str(e.way))} | {_plain(wording.metric_name(e.metric))} "
        f"| {wording.score(e.mean, e.metric)} "
        f"| {wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)} | {e.scheme} |"
        for e in data.evaluations
    ]
    return "\n".join([head, *lines])


def _plain(text: str) -> str:
    """Text on one line, escaped so that markdown and HTML show the text unchanged."""
    escaped = wording.one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", escaped)
