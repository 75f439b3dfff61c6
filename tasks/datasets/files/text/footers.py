"""Where the rows of a table end: totals and remarks below them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from tasks.datasets.files.text.kinds import kind_of
from tasks.datasets.files.text.layout import TextLayout
from tasks.datasets.files.text.records import Record

MOST_FOOTERS = 5
TOTALS = re.compile(
    r"(grand |sub)?totals?|sums?|summe|gesamt(summe)?|insgesamt|somme|totale|total général|suma|totaal|averages?|avg|"
    r"means?|mittelwert|durchschnitt|moyenne|media|count|anzahl",
    re.I,
)
REMARKS = re.compile(r"[(*#]|(source|quelle|note|hinweis|fuente|fonte|\d+ rows?)\b", re.I)


def footers(last: Sequence[Record], layout: TextLayout) -> int:
    """Number of records at the end of a file that are no rows: totals, remarks, and rows without any value.

    Parameters
    ----------
    last : sequence of Record
        The last records.
    layout : TextLayout
        The layout of the rows above.

    Returns
    -------
    int
    """
    count = 0
    examined = [record.fields for record in last]
    layout = replace(layout, sample=tuple(row for row in layout.sample if row not in examined))
    for record in reversed(last):
        if not (_is_remark(record, layout) or _is_total(record, layout)):
            return count
        count += 1
    return count


def _is_remark(record: Record, layout: TextLayout) -> bool:
    """Whether a record is one sentence where the rows have several fields, or has no value at all."""
    if not record.filled:
        return True
    text = record.fields[0].strip()
    is_sentence = " " in text or text.endswith((":", ".")) or TOTALS.fullmatch(text) is not None
    alone = record.filled == 1 and len(layout.names) > 2 and kind_of(text) == "text"
    return alone and ((is_sentence and layout.kinds[0] != "text") or REMARKS.match(text) is not None)


def _is_total(record: Record, layout: TextLayout) -> bool:
    """Whether a row begins with a word for totals, in a column of numbers or beside cells that are empty there only."""
    if len(record.fields) != len(layout.names):
        return False
    first = next(index for index, field in enumerate(record.fields) if field.strip())
    if not TOTALS.fullmatch(record.fields[first].strip().rstrip(":")):
        return False
    if layout.kinds[first] in ("number", "date"):
        return True
    columns = layout.columns
    unknown = all(record.fields[first].strip() != cell.strip() for cell in columns[first])
    gaps = any(
        not field.strip() and column and all(map(str.strip, column))
        for field, column in zip(record.fields, columns, strict=True)
    )
    return unknown and gaps
