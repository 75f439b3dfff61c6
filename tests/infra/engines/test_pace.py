"""How many items share a task."""

from infra.engines.pace import SHORTEST_SHARE, Pace


def test_items_stand_alone_until_one_is_done() -> None:
    pace = Pace(2, task_s=0.2)
    assert pace.share(1000) == 1
    pace.add([0.01])
    assert pace.share(1000) == 20


def test_long_items_stand_alone() -> None:
    pace = Pace(2, task_s=0.2)
    pace.add([0.3, 0.0001, 0.4])
    assert pace.share(1000) == 1


def test_what_is_left_is_shared_by_all_workers() -> None:
    pace = Pace(4, task_s=1.0)
    pace.add([0.0])
    assert pace.share(160) == 160 / (4 * SHORTEST_SHARE)
    assert pace.share(5) == pace.share(1) == 1


def test_the_recent_items_count() -> None:
    pace = Pace(1, task_s=1.0)
    pace.add([0.001] * 50)
    pace.add([0.5] * 50)
    assert pace.share(1000) == 2
