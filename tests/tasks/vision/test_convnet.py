"""The classifier: as scikit-learn's estimators are, and which parameters it refuses."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from infra.engines import connect
from infra.errors import ParameterError
from tasks.vision import ConvNetClassifier
from tests.tasks.vision.synthetic import TINY, Listener, stripes, tiny

X, Y = stripes(128)
UNSEEN, TRUTH = stripes(100, seed=1)


@pytest.fixture(scope="module")
def model() -> ConvNetClassifier:
    return tiny().fit(X, Y)


def test_learns(model: ConvNetClassifier) -> None:
    assert model.score(UNSEEN, TRUTH) > 0.95
    losses = [epoch["loss"] for epoch in model.history_]
    assert losses[-1] < losses[0] / 1.3
    assert model.history_[-1]["accuracy"] > 0.8


def test_parameters_are_those_it_was_given(model: ConvNetClassifier) -> None:
    copy = clone(tiny(learning_rate=0.3, callbacks=[], n_shards=1))
    assert copy.get_params() == tiny(learning_rate=0.3, callbacks=[], n_shards=1).get_params()
    assert not hasattr(copy, "weights_")
    assert {name: model.get_params()[name] for name in TINY} == TINY
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_probabilities(model: ConvNetClassifier) -> None:
    shares = model.predict_proba(UNSEEN)
    assert shares.shape == (100, 2)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(model.predict(UNSEEN), shares.argmax(axis=1))
    # the mean over an image and its mirror image
    np.testing.assert_allclose(model.predict_proba(UNSEEN[:, :, ::-1]), shares, atol=1e-5)
    # one by one as all together: batches of prediction do not matter
    np.testing.assert_allclose(model.predict_proba(UNSEEN[:1]), shares[:1], atol=1e-5)


def test_without_augmentation_sides_matter() -> None:
    model = tiny(epochs=1, augmentation=0).fit(X, Y)
    mirrored = np.ascontiguousarray(UNSEEN[:, :, ::-1])
    assert np.abs(model.predict_proba(mirrored) - model.predict_proba(UNSEEN)).max() > 1e-3


@pytest.mark.parametrize(
    "labels",
    [np.array(["cat", "dog", "owl"]), np.array(["cat", "dog", "owl"], dtype=object), np.array([7, -1, 40])],
    ids=["texts", "objects", "numbers"],
)
def test_three_classes_of_any_kind_and_an_odd_size(labels: Any) -> None:
    pixels, codes = stripes(120, classes=3, size=13)
    model = tiny(width=8, epochs=15).fit(pixels, labels[codes])
    assert model.classes_.tolist() == sorted(labels.tolist())
    assert model.image_shape_ == (13, 13, 3)
    assert (model.predict(pixels) == labels[codes]).mean() > 0.9


def test_history_and_callbacks_tell_the_same(model: ConvNetClassifier) -> None:
    listener = Listener()
    heard = tiny(callbacks=[listener]).fit(X, Y)
    assert listener.heard == list(enumerate(heard.history_, 1))
    expected = {"loss", "accuracy", "learning_rate", "seconds", "images_per_second"}
    assert all(set(epoch) == expected for epoch in heard.history_)
    assert heard.history_[0]["images_per_second"] == pytest.approx(128 / heard.history_[0]["seconds"])
    assert [e["loss"] for e in heard.history_] == [e["loss"] for e in model.history_]


def test_cross_validation_works_on_it() -> None:
    assert cross_val_score(tiny(), X, Y, cv=2).mean() > 0.8


def test_few_images_are_one_small_batch() -> None:
    pixels, codes = stripes(3)
    assert tiny(epochs=1, batch_groups=4).fit(pixels, codes).predict(pixels).shape == (3,)


def test_a_memory_map_is_an_array(tmp_path: Path, model: ConvNetClassifier) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert tiny().fit(mapped, Y).predict_proba(mapped).tobytes() == model.predict_proba(X).tobytes()


@pytest.mark.parametrize("mixing", [{"mixup": 0.4}, {"precision": "bfloat16"}, {"depth": 3}], ids=str)
def test_variants_learn(mixing: dict[str, Any]) -> None:
    assert tiny(epochs=10, **mixing).fit(X, Y).score(UNSEEN, TRUTH) > 0.85


BAD: list[tuple[dict[str, Any], str]] = [
    ({"epochs": 0}, "'epochs' parameter"),
    ({"width": 0}, "'width' parameter"),
    ({"depth": 1}, "'depth' parameter"),
    ({"learning_rate": 0.0}, "'learning_rate' parameter"),
    ({"label_smoothing": 1.0}, "'label_smoothing' parameter"),
    ({"batch_size": 1}, "'batch_size' parameter"),
    ({"precision": "float16"}, "'precision' parameter"),
    ({"device": "tpu"}, "'device' parameter"),
    ({"random_state": -1}, "'random_state' parameter"),
    ({"stop_epoch": 5}, "stop_epoch=5: at most 4, the epochs of the schedule"),
    ({"n_shards": 2}, "n_shards=2: at most 1, the worker processes"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD, ids=str)
def test_bad_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**parameters).fit(X, Y)


def test_more_ranks_than_workers_are_refused() -> None:
    with connect("local", workers=2) as engine, pytest.raises(ParameterError, match="n_shards=2: at most 1"):
        tiny(n_shards=2, engine=engine).fit(X, Y)


def test_images_of_another_size_are_refused(model: ConvNetClassifier) -> None:
    with pytest.raises(
        ParameterError, match=r"shape \(14, 16, 3\); the network was trained on \(16, 16, 3\)"
    ):
        model.predict(X[:, :14])


def test_a_fitted_model_travels(model: ConvNetClassifier) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
