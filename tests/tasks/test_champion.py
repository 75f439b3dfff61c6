"""Champion or challenger: the corrected paired test decides."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tasks.champion import Standing, judge, standing
from tasks.datasets.catalogue import Task
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.recipe import Recipe
from tasks.results import Evaluation

BASE = np.random.default_rng(0).normal(0.76, 0.04, 100)


def stood(gain: float, scheme: str = "a") -> Standing:
    noise = np.random.default_rng(1).normal(0, 0.01, 100)
    return Standing(list(BASE + gain + noise), scheme, 10)


@pytest.mark.parametrize(
    ("gain", "alias"), [(0.05, "champion"), (0.002, "challenger"), (-0.05, "challenger")]
)
def test_only_a_significant_gain_takes_the_title(gain: float, alias: str) -> None:
    promotion = judge(stood(gain), Standing(list(BASE), "a", 10))
    assert promotion.alias == alias
    assert "corrected p = " in promotion.reason


def test_the_first_model_is_the_champion() -> None:
    assert judge(stood(0.0), None).alias == "champion"


def test_equal_models_leave_the_title_where_it_is() -> None:
    same = Standing(list(BASE), "a", 10)
    assert judge(same, same).alias == "challenger"


def test_a_model_is_never_better_than_itself() -> None:
    """A version keeps its scores as text with few decimals, which must not look like a constant loss or gain."""
    scores = [0.7207792207792207, 0.7662337662337662, 0.7402597402597403, 0.7532467532467533] * 3
    evaluation = EVALUATION.model_copy(update={"scores": scores})
    newcomer = standing(evaluation, prepared("classification"), 0)
    stored = replace(newcomer, scores=json.loads(json.dumps(newcomer.scores)))
    promotion = judge(standing(evaluation, prepared("classification"), 0), stored)
    assert promotion.alias == "challenger"
    assert promotion.reason == "its mean differs from the champion's by +0.0000, corrected p = 1.000"
    rounded = replace(newcomer, scores=[round(score, 6) for score in scores])
    assert judge(newcomer, rounded).reason == promotion.reason


def test_scores_of_other_folds_are_no_pairs() -> None:
    promotion = judge(stood(0.2, "b"), stood(0.0, "a"))
    assert promotion.alias == "challenger"
    assert "other folds or rows (a)" in promotion.reason


def test_a_first_look_makes_way_for_a_whole_training() -> None:
    first, whole = (replace(stood(0.0, scheme), first_look=scheme == "a") for scheme in "ab")
    promotion = judge(whole, first)
    assert promotion.alias == "champion"
    assert "first look" in promotion.reason
    assert judge(first, whole).alias == "challenger"
    assert judge(first, first).alias == "challenger"


@pytest.mark.parametrize("gain", [-0.05, 0.0])
def test_a_champion_that_cannot_be_read_makes_way(gain: float) -> None:
    promotion = judge(stood(gain, "b"), replace(stood(0.0, "a"), readable=False))
    assert promotion.alias == "champion"
    assert "another version of trilla" in promotion.reason


EVALUATION = Evaluation(
    dataset="d", algorithm="xgboost", search="grid", metric="accuracy", folds=10, repeats=2,
    scores=[0.5] * 20, mean=0.5, low=0.4, high=0.6,
)  # fmt: skip


def prepared(task: Task, sha256: str = "aa") -> PreparedDataset:
    return PreparedDataset(
        name="d", task=task, path="", sha256=sha256, recipe=Recipe(), rows=9, notes=[], provenance=""
    )


@pytest.mark.parametrize(
    ("task", "epochs", "first_look"),
    [("vision", None, True), ("vision", 80, False), ("classification", None, False)],
)
def test_a_first_look_is_of_images_without_epochs(task: Task, epochs: int | None, first_look: bool) -> None:
    assert standing(EVALUATION, prepared(task), 0, epochs).first_look is first_look


def test_scores_are_those_that_a_version_keeps() -> None:
    """Compared with rounded ones, scores of one third would be better on every fold, and so significantly."""
    thirds = EVALUATION.model_copy(update={"scores": [1 / 3] * 20})
    stands = standing(thirds, prepared("classification"), 0)
    assert stands.scores == [0.333333] * 20


def test_the_scheme_tells_data_folds_and_seed() -> None:
    tables = [prepared("classification", sha) for sha in ("aa", "bb")]
    schemes = {standing(EVALUATION, table, seed).scheme for table in tables for seed in (0, 1)}
    assert len(schemes) == 4
