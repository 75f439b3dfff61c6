"""The words of flags that take several: commas separate them, although a path may hold commas itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from infra.flag_words import bracketed, is_bracketed, split_at_commas


def with_quoted_words(arguments: Sequence[str]) -> list[str]:
    """Replace the value of each flag that takes several words by a list of words in quotes.

    In such a list commas inside a path have no meaning, `null` and `2024` are texts, and a word may begin with a dash.

    Parameters
    ----------
    arguments : sequence of str
        The arguments of the command.

    Returns
    -------
    list of str
        The arguments; `--data "a,b.csv,diabetes"` becomes `--data '["a,b.csv", "diabetes"]'` if there is a file
        `a,b.csv`.
    """
    return list(_quoted(arguments))


def _quoted(arguments: Sequence[str]) -> Iterator[str]:
    asks = ""
    for word in arguments:
        flag, mark, value = word.partition("=")
        if asks and not word.startswith("--"):
            yield _as_list(asks, word)
        elif mark and flag in SPLIT:
            yield f"{flag}={_as_list(flag, value)}"
        else:
            yield word
        asks = word if word in SPLIT else ""


def _as_list(flag: str, value: str) -> str:
    return value if is_bracketed(value) else bracketed(SPLIT[flag](value))


def split_words(value: str) -> list[str]:
    """Split a value at its commas, except where a file or folder has the commas in its name.

    Parameters
    ----------
    value : str
        Names and paths with commas between them.

    Returns
    -------
    list of str
    """
    pieces = value.split(",")
    words: list[str] = []
    while pieces:
        ends = [
            end for end in range(len(pieces), 1, -1) if Path(",".join(pieces[:end])).expanduser().exists()
        ]
        end = ends[0] if ends else 1
        words.append(",".join(pieces[:end]).strip())
        pieces = pieces[end:]
    return words


SPLIT: Mapping[str, Callable[[str], list[str]]] = {
    "--data": split_words,
    "--missing": split_at_commas,
    "--keep": split_at_commas,
    "--keep-column": split_at_commas,
}
"""Flags that take several words, each with the function that splits its value."""
