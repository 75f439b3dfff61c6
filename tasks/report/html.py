"""The report as one self-contained HTML file, without scripts and external files, for light and dark themes."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from tasks.report import sentences, view, wording
from tasks.results import StudyResult

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(result: StudyResult) -> str:
    """Return the report of a study as HTML.

    Parameters
    ----------
    result : StudyResult
        The results of the study; every text in the results is escaped.
    """
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            facts=view.facts(result),
            study_findings=sentences.study_findings(result),
            datasets=view.datasets(result),
        )
    )


def environment() -> "Environment":
    """The environment of all pages: every text is escaped, and a name that a template misspells is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("tasks", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        score=wording.score,
        metric=wording.metric_name,
        seconds=wording.seconds,
        parameter=wording.parameter,
        parameters=wording.parameters,
        unbroken=_unbroken,
    )
    found.tests.update(address=is_address, share=wording.is_share)
    return found


def _unbroken(sentence: str) -> "Markup":
    """Keep a number and its unit, 'p = 0.31' and a flag such as '--keep-column' on one line; the text is escaped."""
    from markupsafe import Markup, escape

    spaced = re.sub(
        r"(?<=\d) (?=[%s]\b|%|points)|(?<=\bp) (?=[=<])|(?<=[=<]) (?=\d)", "\N{NO-BREAK SPACE}", sentence
    )
    parts = re.split(r"((?:^|(?<=\s))--[a-z][a-z-]*)", spaced)
    return Markup("").join(  # the parts at odd places are flags
        Markup('<span class="flag">{}</span>').format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def is_address(text: str) -> bool:
    """Whether a text may become a link: only web addresses do, never 'javascript:' and the like."""
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def write(result: StudyResult, path: Path) -> Path:
    """Write the report, whole or not at all, and return its path.

    Parameters
    ----------
    result : StudyResult
        The results of the study.
    path : Path
        The HTML file; a missing folder is made, and an older file is replaced.

    Raises
    ------
    OSError
        If the file cannot be written; an older file is then unchanged.
    """
    text = render(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
