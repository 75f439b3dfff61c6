from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tasks.report import drawing, html
from tasks.results import Picture, StudyResult
from tests.tasks.report.synthetic import make_study

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Elements of a page, with a check that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html.render(make_study()))


def test_the_file_needs_nothing_else(page: Page) -> None:
    assert not page.all("script")
    assert not page.all("link")
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.all("img"))
    assert all((use.get("xlink:href") or "").startswith("#") for use in page.all("use"))
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])


def test_it_can_be_used_without_seeing_it(page: Page) -> None:
    assert all(image.get("alt") for image in page.all("img"))
    assert all(cell.get("scope") for cell in page.all("th"))
    drawn = [div for div in page.all("div") if div.get("role") == "img"]
    assert len(drawn) == len(page.all("svg")) == 10
    assert all(len(str(div["aria-label"])) > 20 for div in drawn)
    assert page.all("html")[0]["lang"] == "en"


def test_ids_are_unique_and_every_inner_link_has_its_end(page: Page) -> None:
    ids = Counter(a["id"] for _, a in page.elements if a.get("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    ends = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")}
    assert ends
    assert ends <= set(ids)


@pytest.mark.parametrize(
    "words",
    [
        "Recommended for diabetes: xgboost random, accuracy 75.3 % (95 % interval 72.5 % to 78.0 %)",
        "within the noise, so no gain is shown",
        "Same scores and the same choices on local, dask and spark.",
        "76.51 %",
        "raw 0.554",
        "The hold-out has n = 149 rows",
        "Comparison with published figures",
        "far inside the standard error",
        "71.9 % to 77.4 %",
        "10 x 10",
        "max_depth=-1: must be >= 0",
        "training.py:53(train)",
        "failed: Spark's JVM ended with exit status 137",
        "Zeros read as missing",
        "xgboost 3.2.0",
        "12 trials came from the study's ledger",
        "Linux, 2 cores, 15 GiB memory",
    ],
)
def test_it_tells(page: Page, words: str) -> None:
    assert words in page.text().replace("\N{NO-BREAK SPACE}", " ")


def test_every_trial_is_in_a_folded_table(page: Page) -> None:
    text = page.text()
    assert "diabetes: xgboost, grid: 36 trials on local, dask and spark" in text
    assert "burger-king: kmeans, random: 15 trials on local and dask" in text
    assert len(page.all("details")) == len(page.all("summary")) == 2 + 4 + 1
    assert all("open" not in details for details in page.all("details"))


def test_themes_and_print_are_there(study: StudyResult) -> None:
    text = html.render(study)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "var(--rule)" in text


def test_texts_of_users_are_escaped() -> None:
    study = make_study()
    study.name = study.machine = EVIL
    for data in study.datasets:
        data.columns, data.notes, data.provenance, data.path = [EVIL], [EVIL], EVIL, EVIL
    for cell in study.cells:
        cell.algorithm, cell.implementation, cell.mlflow_url = EVIL, EVIL, "javascript:alert(1)"
        cell.error = EVIL if cell.error else None
        cell.profile = EVIL
        cell.params = {EVIL: EVIL}
        for trial in cell.trials:
            trial.params = {**trial.params, EVIL: trial.seconds}
    study.pictures = [Picture(title=EVIL, caption=f'"{EVIL}', dataset="diabetes", png=f'"{EVIL}')]
    study.links = {EVIL: f"https://host/{EVIL}", "bad": "javascript:alert(1)"}
    study.versions = {EVIL: EVIL}
    text = html.render(study)
    page = Page(text)
    assert not page.all("script")
    assert "<script" not in text
    assert not [a for a in page.all("a") if "javascript" in str(a["href"])]
    assert EVIL in page.text()


def test_a_data_set_of_any_name_has_its_part() -> None:
    study = make_study()
    name = f'"{EVIL}'
    study.cells = [c.model_copy(update={"dataset": name}) for c in study.cells if c.dataset == "diabetes"]
    study.datasets = [study.datasets[0].model_copy(update={"name": name})]
    study.evaluations, study.pictures = [], []
    page = Page(html.render(study))
    assert not page.all("script")
    assert name in page.text()


def test_minimal_results_render(minimal: StudyResult) -> None:
    text = Page(html.render(minimal)).text()
    assert "nan" not in text.lower()
    assert "findings" in text


def test_it_is_written_whole_or_not_at_all(study: StudyResult, tmp_path: Path) -> None:
    path = html.write(study, tmp_path / "reports" / "report.html")
    assert path.read_text(encoding="utf-8") == html.render(study)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]

    taken = tmp_path / "taken.html"
    (taken / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"taken\.html"):
        html.write(study, taken)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reports", "taken.html"]


def test_each_chart_of_a_whole_report_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings: list[str] = []
    draw = drawing._svg

    def counted(figure: Any) -> str:
        drawings.append(draw(figure))
        return drawings[-1]

    monkeypatch.setattr(drawing, "_svg", counted)
    page = html.render(
        make_study(("xgboost", "random_forest", "gradient_boosting"), ("kmeans", "dbscan", "agglomerative"))
    )
    assert len(drawings) == page.count("<svg") > 20
