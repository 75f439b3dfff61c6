"""Successive halving over the epochs of a network."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from tasks.search import HalvingSearch
from tests.tasks.vision.synthetic import stripes, tiny

X, Y = stripes(160, size=16)


class Counting:
    """Adds a line to a file for each epoch that is trained."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_epoch(self, epoch: int, metrics: Any) -> None:
        with self.path.open("a") as file:
            file.write(f"{epoch}\n")


def halved(tmp_path: Path, checkpoints: Path | None) -> tuple[HalvingSearch, list[int]]:
    """Four learning rates for one epoch, the better two for two, the best for four."""
    path = tmp_path / f"epochs of {checkpoints}".replace("/", "-")
    search = HalvingSearch(
        tiny(epochs=4, checkpoints=checkpoints, callbacks=[Counting(path)]),
        {"learning_rate": [0.001, 0.01, 0.05, 0.1]},
        resource="stop_epoch",
        min_resources=1,
        max_resources=4,
        factor=2,
        n_iter=4,
        cv=StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
        refit=False,
        random_state=0,
    ).fit(X, Y)
    return search, [int(line) for line in path.read_text().splitlines()]


def test_the_better_ones_are_resumed_from_their_checkpoints(tmp_path: Path) -> None:
    anew, all_epochs = halved(tmp_path, None)
    resumed, epochs = halved(tmp_path, tmp_path / "checkpoints")
    assert sorted(all_epochs) == [1] * 7 + [2] * 3 + [3, 4]
    assert sorted(epochs) == [1] * 4 + [2] * 2 + [3, 4]
    assert (
        resumed.cv_results_["round"].tolist() == anew.cv_results_["round"].tolist() == [0] * 4 + [1] * 2 + [2]
    )
    np.testing.assert_array_equal(resumed.cv_results_["mean_test_score"], anew.cv_results_["mean_test_score"])
    assert resumed.best_params_ == anew.best_params_
