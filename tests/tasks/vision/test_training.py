"""The training loop: the schedule of the learning rate, and repetition."""

import numpy as np
import pytest
import torch

from tasks.vision.training import learning_rate
from tests.tasks.vision.synthetic import same_weights, stripes, tiny

X, Y = stripes(96)


def test_the_learning_rate_rises_in_the_first_fifth_and_falls_to_nearly_zero() -> None:
    rates = [learning_rate(step, 99, 0.5) for step in range(99)]
    assert int(np.argmax(rates)) == 19
    assert max(rates) == pytest.approx(0.5)
    assert (np.diff(rates[:20]) > 0).all()
    assert (np.diff(rates[19:]) < 0).all()
    assert 0 < rates[-1] < 0.01


def test_seeds_are_repeatable_and_matter() -> None:
    state = torch.get_rng_state()
    assert same_weights(tiny(epochs=2).fit(X, Y), tiny(epochs=2).fit(X, Y))
    assert not same_weights(tiny(epochs=2).fit(X, Y), tiny(epochs=2, random_state=1).fit(X, Y))
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's random numbers change
