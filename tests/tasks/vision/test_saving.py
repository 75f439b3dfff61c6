"""Saved models: read again as they were, and refused if they are damaged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import DataError
from tasks.vision import ConvNetClassifier
from tasks.vision.saving import load, save
from tests.tasks.vision.synthetic import stripes, tiny

X, Y = stripes(128)
UNSEEN, _ = stripes(100, seed=1)


@pytest.fixture(scope="module")
def model() -> ConvNetClassifier:
    return tiny().fit(X, Y)


@pytest.mark.parametrize("labels", [np.array(["cat", "dog"]), np.array([3, 8]), np.array([False, True])])
def test_a_saved_model_is_the_model(labels: Any, tmp_path: Path) -> None:
    model = tiny(random_state=np.random.RandomState(3), width=np.int64(5)).fit(X, labels[Y])
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]
    assert again.predict_proba(UNSEEN).tobytes() == model.predict_proba(UNSEEN).tobytes()
    assert again.classes_.dtype == model.classes_.dtype
    assert again.predict(UNSEEN).tolist() == model.predict(UNSEEN).tolist()
    assert again.history_ == model.history_


def test_damaged_and_foreign_models_are_refused(model: ConvNetClassifier, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path)
    save(model, tmp_path)
    path = tmp_path / "model.json"
    about = json.loads(path.read_text())
    for change in (
        {"parameters": {**about["parameters"], "width": -1}},
        {"parameters": {"wide": 1}},
        {"architecture": {**about["architecture"], "depth": 3}},
        {"architecture": {**about["architecture"], "channels": 5}},
    ):
        path.write_text(json.dumps({**about, **change}))
        with pytest.raises(DataError, match="is not a model that classifies images"):
            load(tmp_path)
