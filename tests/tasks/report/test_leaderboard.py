import io
import re

import pytest
from rich.console import Console

from tasks.report.dataset_result import dataset_results
from tasks.report.leaderboard import print_leaderboard
from tasks.report.recommended import recommendation_lines
from tasks.results import StudyResult
from tests.tasks.report.synthetic import make_study


def printed(study: StudyResult, width: int, *, terminal: bool = False) -> str:
    out = io.StringIO()
    print_leaderboard(study, Console(file=out, width=width, force_terminal=terminal))
    return out.getvalue()


def cell_line(text: str, *words: str) -> str:
    return next(line for line in text.splitlines() if all(word in line.split() for word in words))


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits_but_links_and_reasons(study: StudyResult, width: int) -> None:
    lines = printed(study, width).splitlines()
    whole = (*study.links, "  ✗", "Use the model", "Registered")
    assert not [line for line in lines if len(line.rstrip()) > width and not line.startswith(whole)]


@pytest.mark.parametrize("width", [50, 80, 120, 200])
def test_no_column_is_lost(study: StudyResult, width: int) -> None:
    text = printed(study, width)
    assert "…" not in text
    spark = cell_line(text, "spark", "grid", "1652").replace("/", " ").split()
    for figure in ("0.823", "36", "60", "0", "38.5", "130", "1652", "410", "1280"):
        assert figure in spark
    clustering = cell_line(text, "dask", "0.926", "2.62").replace("/", " ").split()
    for figure in ("0.423", "0.926", "54.1", "20", "10", "0", "2.62", "160", "707", "290", "430"):
        assert figure in clustering


def test_long_names_and_large_figures_still_show() -> None:
    study = make_study(("gradient_boosting_with_a_long_name",), ("agglomerative",))
    for cell in study.cells:
        cell.usage.wall_s *= 10_000
        cell.usage.peak_rss *= 100
    text = printed(study, 80)
    assert "gradient_boosting_with_a_long_name" in text
    assert "…" not in text
    assert "384,930" in text


def test_names_are_whole_at_120_and_folded_at_80(study: StudyResult) -> None:
    assert "accuracy %" in printed(study, 120)
    assert "baseline" in cell_line(printed(study, 120), "xgboost", "local")
    assert "acc %" in printed(study, 80)
    assert cell_line(printed(study, 80), "local", "base")


@pytest.mark.parametrize("width", [80, 120])
def test_the_best_is_marked_once_for_each_data_set(study: StudyResult, width: int) -> None:
    text = printed(study, width)
    before, _, after = text.partition("cross-validated")
    for part in (before, after.partition("burger-king")[2]):
        assert re.findall(r"(\w+) ★ +[\d.]+ ", part) == ["random" if width == 120 else "rand"]
    assert after.count("xgboost random ★") == 1


@pytest.mark.parametrize("width", [40, 80, 120])
def test_links_are_whole_on_a_line_of_their_own(study: StudyResult, width: int) -> None:
    lines = printed(study, width).splitlines()
    assert {f"{name}: {address}" for name, address in study.links.items()} <= set(lines)


def test_a_failed_cell_shows_its_reason_on_one_line(study: StudyResult) -> None:
    reason = (
        "kmeans on spark, random: Spark's JVM ended with exit status 137 (out of memory) in job 12; the next"
    )
    assert [line for line in printed(study, 80).splitlines() if reason in line]
    assert "failed" in cell_line(printed(study, 120), "spark", "failed")


def test_evaluation_comparisons_and_agreement_are_shown(study: StudyResult) -> None:
    text = " ".join(printed(study, 120).split())
    assert "xgboost grid 75.1 %" in text
    assert "10 x 10" in text
    assert "xgboost grid is 0.4 points above baseline, p = 0.31: not significant" in text
    assert "Same scores and the same choices on local, dask and spark." in text
    assert "hold-out n = 149" in text
    assert "scored in: standardised" in text


def test_names_cannot_steer_the_terminal_or_the_markup() -> None:
    study = make_study()
    for cell in study.cells:
        cell.algorithm = "[red]x\x1b[2J[/red]"
        cell.error = "[bold]bad[/nothing]\x1b]0;title\x07" if cell.error else None
    text = printed(study, 120, terminal=True)
    assert "[red]x [2J[/red]" in text
    assert "\x1b[2J" not in text
    assert "\x1b]0;" not in text
    assert "[bold]bad[/nothing]" in text


def test_minimal_results_print(minimal: StudyResult) -> None:
    text = printed(minimal, 80)
    assert "nan" not in text
    assert len(text) < 4000


@pytest.mark.parametrize("width", [80, 120])
def test_the_recommendation_comes_last(study: StudyResult, width: int) -> None:
    text = printed(study, width)
    last = text[text.rindex("report: ") :]
    words = " ".join(last.split())
    for data in dataset_results(study):
        assert " ".join(recommendation_lines(data)) in words
