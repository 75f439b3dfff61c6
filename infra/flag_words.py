"""Words after a flag of the command: how several words are written as one, and how a shell is given them."""

import re
from collections.abc import Callable, Sequence


def split_at_commas(value: str) -> list[str]:
    """The words of a flag's value that has commas between them."""
    return [word.strip() for word in value.split(",")]


def is_bracketed(value: str) -> bool:
    """Whether a value is a list of words in quotes and brackets."""
    return re.fullmatch(r'\[ *"[^"]*"( *, *"[^"]*")* *\]', value) is not None


def bracketed(words: Sequence[str]) -> str:
    """The words in quotes and brackets; the parser of the command takes a backslash between quotes as it is."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def one_word(words: Sequence[str], split: Callable[[str], list[str]] = split_at_commas) -> str:
    """The value of a flag that the command reads as the given words: with commas between them if they allow it.

    Parameters
    ----------
    words : sequence of str
        The words.
    split : callable
        Function that splits the flag's value.
    """
    joined = ",".join(words)
    return joined if split(joined) == [*words] and not is_bracketed(joined) else bracketed(words)


def with_flag(flag: str, value: str) -> list[str]:
    """A flag with its value; a value that begins with a dash would be taken for a flag where it stands alone."""
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]
