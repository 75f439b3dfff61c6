"""The fixed binary tree that merges results of blocks: the same sums in the same order on every engine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.engines.blocks import Block


@dataclass(frozen=True)
class Node:
    """The merged result of the blocks `index * 2**level` to `(index + 1) * 2**level` (exclusive)."""

    level: int
    index: int
    value: Any


def fold(nodes: Iterable[Node], merge: Callable[[Any, Any], Any]) -> list[Node]:
    """Merge neighbours that are siblings in the binary tree over block numbers, until no siblings are left.

    The nodes of consecutive spans can be folded separately, and the results folded again together. The merges and
    their operands are the same, wherever the spans were cut.
    """
    stack: list[Node] = []
    for node in nodes:
        while stack and stack[-1].level == node.level and stack[-1].index ^ 1 == node.index:
            node = Node(node.level + 1, node.index >> 1, merge(stack.pop().value, node.value))
        stack.append(node)
    return stack


def leaves(partials: Iterable[Any], start: int) -> Iterator[Node]:
    """Return the results of consecutive blocks, whose first block has number `start`, as leaves of the tree."""
    return (Node(0, i, value) for i, value in enumerate(partials, start))


def finish(nodes: Iterable[Node], merge: Callable[[Any, Any], Any]) -> Any:
    """Merge the nodes of all spans, in their order, into one result."""
    *rest, last = fold(nodes, merge)
    result = last.value
    for node in reversed(rest):
        result = merge(node.value, result)
    return result


def reduce_span(
    kernel: Callable[..., Any],
    merge: Callable[[Any, Any], Any],
    blocks: Sequence[Block],
    start: int,
    *state: Any,
) -> list[Node]:
    """Run one worker's part of a `reduce`: the kernel on each block, with siblings merged at once.

    Parameters
    ----------
    kernel : callable
        Function that is called as `kernel(*block, *state)`.
    merge : callable
        Function that is called as `merge(left, right)` and returns one result made from two.
    blocks : sequence of tuple of ndarray
        Blocks of the worker.
    start : int
        Number of the first of these blocks.
    *state : object
        Further arguments of the kernel.

    Returns
    -------
    list of Node
        Nodes of the tree that have no sibling among these blocks.
    """
    return fold(leaves((kernel(*block, *state) for block in blocks), start), merge)
