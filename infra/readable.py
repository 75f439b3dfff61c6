"""Long texts and long lists of names, cut to a length that a person reads in a message."""

from collections.abc import Sequence

LONGEST = 40  # largest number of characters of a text that a message shows
MOST = 20  # largest number of names that a message lists


def shortened(text: str) -> str:
    """A text as a message shows it: in one line, and cut if it is long."""
    line = " ".join(text.split())
    return f"{line[:LONGEST]}..." if len(line) > LONGEST else line


def listed(names: Sequence[str], most: int = MOST, mark: str = "") -> str:
    """The first names, each cut if it is long, and how many more there are.

    Parameters
    ----------
    names : sequence of str
        Names or other texts.
    most : int
        Largest number of names that are listed.
    mark : str
        Quotation mark before and after each name.
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(f"{mark}{shortened(name)}{mark}" for name in names[:most]) + more
