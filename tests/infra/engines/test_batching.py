"""How many items share a task."""

from infra.engines.batching import LEAST_BATCHES, AutoBatching


def test_items_stand_alone_until_one_is_done() -> None:
    batching = AutoBatching(2, batch_s=0.2)
    assert batching.size(1000) == 1
    batching.observe([0.01])
    assert batching.size(1000) == 20


def test_long_items_stand_alone() -> None:
    batching = AutoBatching(2, batch_s=0.2)
    batching.observe([0.3, 0.0001, 0.4])
    assert batching.size(1000) == 1


def test_what_is_left_is_divided_among_all_workers() -> None:
    batching = AutoBatching(4, batch_s=1.0)
    batching.observe([0.0])
    assert batching.size(160) == 160 / (4 * LEAST_BATCHES)
    assert batching.size(5) == batching.size(1) == 1


def test_the_recent_items_count() -> None:
    batching = AutoBatching(1, batch_s=1.0)
    batching.observe([0.001] * 50)
    batching.observe([0.5] * 50)
    assert batching.size(1000) == 2
