from xml.etree import ElementTree

import pytest

from tasks.report import drawing, figures
from tasks.results import Cell, StudyResult, Trial
from tests.tasks.report.synthetic import data_of, make_study

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def charts(study: StudyResult) -> dict[str, str]:
    boosted, clustered = data_of(study, "diabetes").cells, data_of(study, "burger-king").cells
    return {
        "classification": figures.prediction_quality(boosted, study.evaluations, "holdout_accuracy"),
        "clustering": figures.clustering_quality(clustered),
        "cost": figures.cost(clustered),
        "curve": figures.search_curve(boosted),
        "scatter": figures.parameter_scatter(boosted),
        "resources": figures.resources([c for c in boosted if c.search == "grid"]),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return charts(make_study())


def test_every_chart_is_small_and_follows_the_theme(drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        assert ElementTree.fromstring(svg).tag == f"{SVG}svg", name
        assert "currentColor" in svg, name
        assert "#01020" not in svg, name
        assert len(svg) < 100_000, name


@pytest.mark.parametrize(
    ("chart", "label"),
    [
        ("classification", "accuracy (%)"),
        ("clustering", "Davies-Bouldin, lower is better"),
        ("cost", "wall time (s)"),
        ("cost", "peak memory (MiB)"),
        ("cost", "failed"),
        ("curve", "grid, on local, dask and spark"),
        ("scatter", "learning_rate"),
        ("resources", "memory (MiB)"),
        ("resources", "time (s)"),
    ],
)
def test_axes_have_their_labels_and_units(drawn: dict[str, str], chart: str, label: str) -> None:
    assert label in texts(drawn[chart])


def test_the_same_cells_give_the_same_chart(drawn: dict[str, str]) -> None:
    assert drawn == charts(make_study())


def test_engines_with_other_scores_have_a_line_of_their_own() -> None:
    study = make_study()
    cells = [c for c in data_of(study, "diabetes").cells if c.search == "grid"]
    cells[2].trials = [
        t.model_copy(update={"mean_score": (t.mean_score or 0) - 0.1}) for t in cells[2].trials
    ]
    shown = texts(figures.search_curve(cells))
    assert "grid, on local and dask" in shown
    assert "grid, on spark" in shown


def test_parameters_of_any_name_and_kind_are_drawn_as_text() -> None:
    names = ("<script>alert(1)</script>", "$\\frac{a}{b}$", "größe 大きさ")
    values = ((1, 2), (None, "b"), (True, False))
    trials = [
        Trial(
            params={n: v[i] for n, v in zip(names, values, strict=True)}, scores=[i], mean_score=i, seconds=1
        )
        for i in (0, 1)
    ]
    cell = Cell(dataset="d", algorithm="a", engine="local", search="grid", trials=trials)
    svg = figures.parameter_scatter([cell])
    assert set(names) < set(texts(svg))
    assert "<script>" not in svg


def test_a_parameter_that_was_not_searched_has_no_panel(study: StudyResult) -> None:
    assert figures.searched_parameters(data_of(study, "burger-king").cells) == ["n_clusters", "init"]


def test_charts_on_one_page_do_not_share_ids(drawn: dict[str, str]) -> None:
    svg = drawing.own_ids(drawn["cost"], "one-")
    ids = {element.get("id") for element in ElementTree.fromstring(svg).iter()} - {None}
    assert ids
    assert all(str(name).startswith("one-") for name in ids)
    assert "url(#one-" in svg
    assert "url(#h" not in svg


def test_a_parameter_that_one_search_leaves_alone_keeps_its_numbers() -> None:
    study = make_study()
    boosted = data_of(study, "diabetes").cells
    for cell in boosted:
        if cell.search == "random":
            for i, trial in enumerate(cell.trials):
                trial.params["colsample"] = 0.5 + 0.01 * i
    shown = texts(figures.parameter_scatter(boosted))
    assert "colsample" in shown
    assert "None" not in shown
    assert sum(text.startswith("0.5") for text in shown) <= 4
