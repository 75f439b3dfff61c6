"""What is told of a large table once all of its parts are written: counts of all rows, and the manifest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.readable import shortened
from tasks.datasets.columns.base import MISSING
from tasks.datasets.large.manifest import PartsManifest, digest_of_records
from tasks.datasets.large.parts import MOST_TEXTS, PartRecord
from tasks.datasets.notes import sort_notes
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.survey import ColumnSurvey, QuantitySurvey, TableSurvey, TargetSurvey

SHOWN = 3  # number of new texts that a note names
MOST_TOLD = 5  # number of notes on single pieces that are told


def finished(
    preview: PreparedDataset,
    key: str,
    known: Mapping[str, frozenset[str]],
    records: Sequence[PartRecord],
    folder: Path,
    looked: TableSurvey,
) -> tuple[PartsManifest, TableSurvey]:
    """The manifest and the survey of a large table.

    Parameters
    ----------
    preview : PreparedDataset
        The data set as it was known before its rows were written.
    key : str
        Digest of the source and of the recipe.
    known : mapping of str to frozenset of str
        The texts of the learning sample, by column of a few texts.
    records : sequence of PartRecord
        What the workers tell of the parts.
    folder : Path
        The folder of the parts.
    looked : TableSurvey
        The survey of the learning sample.
    """
    rows, read = sum(record.rows for record in records), sum(record.read for record in records)
    cells = {
        column.name: _total([record.cells.get(column.name, {}) for record in records])
        for column in preview.recipe.columns
    }
    notes = [
        *preview.notes,
        *_notes_of_empty(rows, read, preview),
        *(
            note
            for column in preview.recipe.columns
            if column.is_used
            for note in column.notes_of_counts(cells[column.name], rows)
        ),
        *_notes_of_texts(records, known, rows),
        *_notes_of_pieces(records),
    ]
    dataset = preview.model_copy(
        update={
            "path": str(folder),
            "sha256": digest_of_records(records),
            "rows": rows,
            "notes": list(dict.fromkeys(notes)),
            "part_rows": tuple(record.rows for record in records if record.rows),
        }
    )
    target = _target(records, dataset)
    manifest = PartsManifest(
        key=key,
        columns=_types(dataset),
        parts=tuple(records),
        texts=_texts(records, known),
        classes=target.classes if target else {},
        dataset=dataset,
    )
    return manifest, _surveyed(looked, read, dataset, cells, target)


def size_in_words(size: float) -> str:
    """A number of bytes in gigabytes or megabytes."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _total(counts: Sequence[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


def _notes_of_empty(rows: int, read: int, preview: PreparedDataset) -> list[str]:
    """Rows without a quantity; rows without a class are told with the classes, which were counted before."""
    if rows == read or preview.classes:
        return []
    return [f"{read - rows} of {read} rows left out: '{preview.target}' is empty there"]


def _texts(records: Sequence[PartRecord], known: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    """All texts of each column of a few texts, sorted; a column whose texts are not all known has none."""
    found = {}
    for name, texts in known.items():
        new = [record.texts.get(name, {}) for record in records]
        if all(len(one) < MOST_TEXTS for one in new):
            found[name] = tuple(sorted(texts.union(*new)))
    return found


def _notes_of_texts(
    records: Sequence[PartRecord], known: Mapping[str, frozenset[str]], rows: int
) -> list[str]:
    """New texts of columns of a few texts, which the learning sample did not have."""
    notes = []
    for name in known:
        new = _total([record.texts.get(name, {}) for record in records])
        if not new:
            continue
        most = [text for text, _ in new.most_common(SHOWN)]
        more = f" and {len(new) - SHOWN:,} more" if len(new) > SHOWN else ""
        shown = ", ".join(f"'{shortened(text)}'" for text in most)
        notes.append(
            f"{name}: {new.total():,} of {rows:,} rows hold {len(new):,} {'text' if len(new) == 1 else 'texts'} that "
            f"the rows did not have by which the column was judged ({shown}{more})"
        )
    return notes


def _notes_of_pieces(records: Sequence[PartRecord]) -> list[str]:
    """What was skipped or changed in single pieces, unless the same is told of the whole table already."""
    told = [f"in {record.piece}: {note}" for record in records for note in record.notes]
    more = [f"and {len(told) - MOST_TOLD:,} more notes on single pieces"] if len(told) > MOST_TOLD else []
    return [*told[:MOST_TOLD], *more]


def _types(dataset: PreparedDataset) -> dict[str, str]:
    numeric = set(dataset.numeric)
    columns = {name: "number" if name in numeric else "text" for name in dataset.recipe.outputs}
    target = {dataset.target: "class code" if dataset.classes else "number"} if dataset.target else {}
    return columns | target


def _target(records: Sequence[PartRecord], dataset: PreparedDataset) -> TargetSurvey | None:
    totals = [record.target for record in records if record.target is not None]
    if dataset.target is None or not totals:
        return None
    rows = sum(one.rows for one in totals)
    if dataset.classes:
        counts = [sum(column) for column in zip(*(one.classes for one in totals), strict=True)]
        return TargetSurvey(
            name=dataset.target, rows=rows, classes=dict(zip(dataset.classes, counts, strict=True))
        )
    low, high = min(one.low for one in totals), max(one.high for one in totals)
    mean = sum(one.total for one in totals) / rows
    return TargetSurvey(
        name=dataset.target, rows=rows, quantity=QuantitySurvey(low=low, high=high, mean=mean)
    )


def _surveyed(
    looked: TableSurvey,
    read: int,
    dataset: PreparedDataset,
    cells: Mapping[str, Mapping[str, int]],
    target: TargetSurvey | None,
) -> TableSurvey:
    """The survey with the counts of all rows; different values are those of the sample, so there may be more."""
    told = sort_notes(dataset.notes, [column.name for column in looked.columns])

    def counted(column: ColumnSurvey) -> ColumnSurvey:
        found: dict[str, object] = {"notes": told.by_column.get(column.name, ())}
        if column.name == dataset.target:
            found["missing"] = read - dataset.rows
        elif MISSING in cells.get(column.name, {}):
            found |= {
                "missing": cells[column.name][MISSING],
                "distinct_at_least": column.distinct is not None,
            }
        return column.model_copy(update=found)

    columns = tuple(counted(column) for column in looked.columns)
    return TableSurvey(rows=read, columns=columns, target=target, notes=told.general)
