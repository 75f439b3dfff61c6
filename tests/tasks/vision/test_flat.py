"""Vectors that hold a network, its gradients and its batch statistics."""

import numpy as np
import torch
from torch.nn import functional

from tasks.vision.flat import FlatNetwork
from tasks.vision.network import Architecture, initialised_network
from tests.tasks.vision.synthetic import stripes


def test_vectors_hold_the_network_and_its_gradients() -> None:
    images, codes = stripes(40)
    architecture = Architecture(16, 16, 2, 4, 3)
    plain, network = (initialised_network(architecture, images, 0) for _ in range(2))
    flat = FlatNetwork(network)
    for one in (plain, network):
        x = one.normalised(torch.from_numpy(images))
        torch.autograd.backward(functional.cross_entropy(one(x), torch.from_numpy(codes)))
    expected = dict(plain.named_parameters())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-6)
    gradients = torch.cat(list(flat.gradients.values()))
    norms = [p.grad.norm() for p in expected.values() if p.grad is not None]
    np.testing.assert_allclose(gradients.norm(), torch.stack(norms).norm(), rtol=1e-4)

    flat.values.zero_()
    assert all((p == 0).all() for p in network.parameters())


def test_batch_statistics_are_the_mean_over_groups() -> None:
    images, _ = stripes(40)
    network = initialised_network(Architecture(16, 16, 2, 4, 2), images, 0)
    flat = FlatNetwork(network)
    norm = network.blocks[0].norms[0]  # type: ignore[index, union-attr]
    each = []
    for group in (images[:20], images[20:]):
        network(network.normalised(torch.from_numpy(group)))
        each.append(norm.running_mean.clone())
        flat.add_statistics()
    assert not torch.allclose(each[0], each[1])
    flat.average_statistics(2)
    torch.testing.assert_close(norm.running_mean, (each[0] + each[1]) / 2)
