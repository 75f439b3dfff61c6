"""Profiles of functions with known calls."""

import cProfile
import multiprocessing
import pstats
import re
import threading

import pytest

from infra.errors import ParameterError
from infra.profiling import merge_profiles, profiled, top_table


def leaf(n: int) -> int:
    return sum(i * i for i in range(n))


def work(times: int, *, n: int) -> int:
    return max(leaf(n) for _ in range(times))


def profile_of_worker(times: int) -> bytes:
    return profiled(work, times, n=1000)[1]


def calls_of(table: str, function: str) -> int:
    found = re.search(rf"^ *([\d,]+) .*test_profiling\.py:\d+ {function}$", table, re.MULTILINE)
    assert found, table
    return int(found[1].replace(",", ""))


def test_result_and_calls() -> None:
    result, profile = profiled(work, 7, n=100_000)
    assert result == leaf(100_000)
    table = top_table(merge_profiles([profile]))
    print(table)
    assert calls_of(table, "leaf") == 7
    own = [float(line.split()[1]) for line in table.splitlines()[1:]]
    assert own == sorted(own, reverse=True)
    assert own[0] > 0
    assert len(top_table(merge_profiles([profile]), n=2).splitlines()) == 3


def test_profiles_of_other_processes_add_up() -> None:
    _, own = profiled(work, 2, n=1000)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        others = pool.map(profile_of_worker, [3, 5])
    assert calls_of(top_table(merge_profiles([own, *others])), "leaf") == 10


def test_error_of_the_function_passes_and_the_profiler_ends() -> None:
    with pytest.raises(ZeroDivisionError):
        profiled(lambda: 1 // 0)
    assert profiled(leaf, 3)[0] == 5


def test_second_profiler_is_refused_and_the_first_goes_on() -> None:
    with cProfile.Profile() as first:
        with pytest.raises(ParameterError, match="another profiler"):
            profiled(leaf, 3)
        leaf(3)
    assert any("leaf" in function[2] for function in vars(pstats.Stats(first))["stats"])


def test_other_threads_are_not_seen() -> None:
    def in_a_thread() -> None:
        thread = threading.Thread(target=leaf, args=(1000,))
        thread.start()
        thread.join()

    assert " leaf" not in top_table(merge_profiles([profiled(in_a_thread)[1]]), n=1000)


def test_nothing_to_merge() -> None:
    with pytest.raises(ParameterError, match="at least one"):
        merge_profiles([])
