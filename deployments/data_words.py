"""The words of `--data`: names and paths that commas separate, although a path may hold commas itself."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

FLAG = "--data"


def with_quoted_data(arguments: Sequence[str]) -> list[str]:
    """Replace the value of each `--data` by a JSON list, in which commas and digits inside a path have no meaning.

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
    is_value = False
    for word in arguments:
        flag, mark, value = word.partition("=")
        if is_value and not word.startswith("-"):
            yield _as_list(word)
        elif mark and flag == FLAG:
            yield f"{FLAG}={_as_list(value)}"
        else:
            yield word
        is_value = word == FLAG


def _as_list(value: str) -> str:
    if value.startswith("[") and not Path(value).exists():
        return value
    return json.dumps(split_words(value), ensure_ascii=False)


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
