"""The fixed tree that merges results of blocks."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.engines.tree import finish, reduce_span


def in_words(a: str, b: str) -> str:
    return f"({a} {b})"


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A number of blocks, and any borders of spans among them."""
    n_blocks = draw(st.integers(1, 40))
    inner = draw(st.sets(st.integers(1, n_blocks - 1))) if n_blocks > 1 else set()
    return n_blocks, [0, *sorted(inner), n_blocks]


@given(cuts())
@settings(max_examples=200)
def test_every_cut_into_spans_merges_the_same_operands_in_the_same_order(cut: tuple[int, list[int]]) -> None:
    n_blocks, edges = cut
    names = [(f"b{i}",) for i in range(n_blocks)]
    whole = finish(reduce_span(str, in_words, names, 0), in_words)
    parts = [reduce_span(str, in_words, names[a:b], a) for a, b in pairwise(edges)]
    assert finish((node for part in parts for node in part), in_words) == whole
    assert whole.replace("(", "").replace(")", "").split() == [name for (name,) in names]


def test_the_tree_is_the_binary_tree_over_block_numbers() -> None:
    names = [(f"b{i}",) for i in range(6)]
    assert finish(reduce_span(str, in_words, names, 0), in_words) == "(((b0 b1) (b2 b3)) (b4 b5))"
