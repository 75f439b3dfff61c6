"""Shapes, whitening and weights of the network."""

import numpy as np
import pytest
import torch

from tasks.vision.network import Architecture, initialised_network, trained_network
from tests.tasks.vision.synthetic import stripes


@pytest.mark.parametrize(
    ("height", "width", "classes"), [(8, 8, 2), (9, 31, 3), (32, 32, 10), (65, 48, 2), (129, 130, 5)]
)
def test_any_size_from_8_pixels_and_any_number_of_classes(height: int, width: int, classes: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, height, width, 3), dtype=np.uint8)
    network = initialised_network(Architecture(height, width, classes, 4, 2), images, 0)
    scores = network(network.normalised(torch.from_numpy(images)))
    assert scores.shape == (4, classes)
    assert torch.isfinite(scores).all()


def test_larger_images_cost_about_as_much() -> None:
    sizes = [Architecture(size, size, 2, 4, 2) for size in (32, 64, 128)]
    assert [a.stride for a in sizes] == [1, 2, 4]
    for architecture in sizes:
        images = np.zeros((2, architecture.height, architecture.width, 3), dtype=np.uint8)
        network = initialised_network(architecture, images, 0)
        assert network.whitening(network.normalised(torch.from_numpy(images))).shape[2:] == (31, 31)


def test_the_first_layer_whitens_patches() -> None:
    images, _ = stripes(200, size=12)
    network = initialised_network(Architecture(12, 12, 2, 4, 2), images, 0)
    x = network.normalised(torch.from_numpy(images))
    np.testing.assert_allclose(x.mean((0, 2, 3)), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(x.std((0, 2, 3)), np.ones(3), atol=1e-3)
    found = network.whitening(x).detach().permute(1, 0, 2, 3).flatten(1)
    half = len(found) // 2
    np.testing.assert_allclose(found[:half], -found[half:], atol=1e-6)  # each component with both signs
    second_moments = (found[:half] @ found[:half].T / found.shape[1]).numpy()
    np.testing.assert_allclose(second_moments, np.eye(half), atol=0.02)


def test_the_seed_alone_fixes_the_weights() -> None:
    images, _ = stripes(20)
    architecture = Architecture(16, 16, 2, 4, 3)
    one, same, other = (initialised_network(architecture, images, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_weights_of_another_network_are_refused() -> None:
    images, _ = stripes(10)
    weights = {
        name: tensor.numpy()
        for name, tensor in initialised_network(Architecture(16, 16, 2, 4, 2), images, 0).state_dict().items()
    }
    with pytest.raises(ValueError, match=r"blocks\.0\.convolutions\.2\.weight"):
        trained_network(Architecture(16, 16, 2, 4, 3), weights)
