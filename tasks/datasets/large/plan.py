"""The plan of a large table's preparation: the first pass makes it, and workers carry it out."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from infra import __version__
from infra.engines import Engine
from infra.errors import DataError, EngineError
from infra.progress import Progress
from infra.storage import UNFINISHED, free_bytes, lock_of, move_folder, remove_folder
from tasks.datasets.catalogue import Source
from tasks.datasets.keeping import cannot_write, file_name, keep_text
from tasks.datasets.large.finishing import finished, size_in_words
from tasks.datasets.large.learning import Learned, learn, surveyed
from tasks.datasets.large.manifest import (
    MANIFEST,
    digest_of_records,
    finished_folder,
    read_manifest,
    records_in,
)
from tasks.datasets.large.parts import RECORD, Cleaning, PartRecord, Task, record_name, write_part
from tasks.datasets.pieces import Piece, Pieces
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.survey import TableSurvey
from tasks.datasets.table_rules import TableRules

CELL_BYTES = 8
"""Number of bytes on the disk for which a prepared cell is taken."""
SPARE = 1.1
"""Factor of the estimate, for what the files hold beside their cells."""


@dataclass(frozen=True)
class Plan:
    """How a large table is prepared; small enough to be sent to workers.

    Parameters
    ----------
    source : Source
        The source of the table.
    pieces : tuple of Piece
        The pieces that have rows.
    cleaning : Cleaning
        How each piece is cleaned; its folder is that of the unfinished parts.
    key : str
        Digest of the source and of the recipe.
    folder : Path
        The folder where prepared data are kept.
    preview : PreparedDataset
        The data set as it is known before its rows are written.
    """

    source: Source
    pieces: tuple[Piece, ...]
    cleaning: Cleaning
    key: str
    folder: Path
    preview: PreparedDataset

    def carry_out(self, engine: Engine, progress: Progress | None = None) -> PreparedDataset:
        """Clean all pieces on an engine's workers, and describe the parts that they write.

        Parts that an earlier preparation of the same source wrote are kept.

        Parameters
        ----------
        engine : Engine
            The engine.
        progress : callable, optional
            Function that is called with the number of parts that are there, and of all parts.

        Raises
        ------
        DataError
            If a cell cannot be what the recipe says of its column, or the parts cannot be written.
        EngineError
            If a piece took its worker's life at every try.
        """
        try:
            with self._locked() as working:
                records = self._records(working, engine, progress)
                dataset = self._moved(working, records)
            remove_folder(self.cleaning.folder)
            return dataset
        except OSError as error:
            raise cannot_write(self.folder, error) from None

    def told_progress(self) -> str:
        """How many parts are written; an empty text as long as none is."""
        try:
            done = sum(path.name.startswith(RECORD) for path in self.cleaning.folder.iterdir())
        except FileNotFoundError:  # all parts are written, and the folder has its last name
            return ""
        return f"{done:,} of {len(self.pieces):,} parts are written" if done else ""

    def require_room(self) -> None:
        """Refuse a table whose parts are too large for the disk.

        Raises
        ------
        DataError
            If the parts need more room than there is.
        """
        if finished_folder(self.folder, self._name, self.key) is not None:
            return
        rows, columns = self.preview.rows, len(self.preview.columns) + (self.preview.target is not None)
        there = sum(part.stat().st_size for part in self.cleaning.folder.glob("part-*"))
        needed = rows * columns * CELL_BYTES * SPARE - there
        free = free_bytes(self.folder)
        if needed > free:
            raise DataError(
                f"the prepared rows of '{self.source.path}' need about {size_in_words(needed)} in '{self.folder}', and "
                f"{size_in_words(free)} are free there; make room, or set TRILLA_DATA to a folder on another disk"
            )

    @property
    def _name(self) -> str:
        return file_name(self.source.name)

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        """The folder of the parts, on which no other process works at the same time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock_of(self.cleaning.folder):
            working = finished_folder(self.folder, self._name, self.key) or self.cleaning.folder
            working.mkdir(parents=True, exist_ok=True)
            yield working

    def _records(self, working: Path, engine: Engine, progress: Progress | None) -> list[PartRecord]:
        known = records_in(working, len(self.pieces))
        tasks = [Task(number, piece, known.get(number)) for number, piece in enumerate(self.pieces)]
        cleaning = Cleaning(self.cleaning.recipe, self.cleaning.reader, self.cleaning.known, working)
        records: dict[int, PartRecord] = {}
        for number, record in engine.run(write_part, tasks, cleaning):
            if isinstance(record, EngineError):
                raise EngineError(f"{self.pieces[number].name} could not be prepared: {record}")
            records[number] = record
            if progress:
                progress(len(records), len(tasks))
        return [records[number] for number in range(len(tasks))]

    def _moved(self, working: Path, records: list[PartRecord]) -> PreparedDataset:
        """Describe the parts, and give their folder the name that holds their digest."""
        final = self.folder.absolute() / f"{self._name}-{digest_of_records(records)[:12]}"
        known = read_manifest(final)
        if known is not None and known.key == self.key:
            return known.dataset
        looked = TableSurvey.model_validate_json(self.preview.survey_path.read_bytes())
        manifest, surveyed = finished(self.preview, self.key, self.cleaning.known, records, final, looked)
        keep_text(surveyed.model_dump_json(indent=1), working / self.preview.survey_path.name)
        keep_text(manifest.model_dump_json(indent=1), working / MANIFEST)
        for record in records:
            (working / record_name(record.number)).unlink(missing_ok=True)
        for half in working.glob(f"{UNFINISHED}*"):  # of a process that was killed
            half.unlink()
        if working != final:
            move_folder(working, final, last=MANIFEST)
        return manifest.dataset


def plan_large_table(
    pieces: Pieces,
    source: Source,
    folder: Path,
    rules: TableRules,
    folds: int,
    engine: Engine,
    progress: Progress | None = None,
) -> Plan:
    """Learn how a large table is prepared, without writing its rows.

    Parameters
    ----------
    pieces : Pieces
        The pieces of the table.
    source : Source
        The table.
    folder : Path
        The folder where prepared data are kept; a missing folder is made.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation to come.
    engine : Engine
        An engine whose workers are threads of this process.
    progress : callable, optional
        Function that is called with the number of pieces that were looked at, and of all pieces.

    Raises
    ------
    DataError
        If the table cannot be used as it is, or the prepared rows have no room on the disk.
    """
    learned = learn(pieces, source, rules, folds, engine, progress)
    key = _key(pieces, source, learned)
    place = hashlib.sha256(str(source.path).encode()).hexdigest()[:6]
    unfinished = f".{file_name(source.name)}-{place}-{{}}.unfinished"
    working = folder.absolute() / unfinished.format(key[:12])
    recipe = learned.cleaned.recipe
    known = {
        name: frozenset(str(text) for text in learned.cleaned.features[name].cat.categories)
        for name in recipe.categorical
    }
    preview = PreparedDataset(
        name=source.name,
        task=learned.task,
        path=str(working),
        sha256=key,
        recipe=recipe,
        rows=learned.sample.rows,
        notes=list(learned.notes),
        provenance=source.provenance,
        own=source.own,
        part_rows=(learned.sample.rows,),
    )
    try:
        _forget(path for path in folder.absolute().glob(unfinished.format("*")) if path != working)
        working.mkdir(parents=True, exist_ok=True)
        keep_text(surveyed(learned).model_dump_json(indent=1), preview.survey_path)
    except OSError as error:
        raise cannot_write(folder, error) from None
    cleaning = Cleaning(recipe, learned.reader, known, working)
    plan = Plan(source, learned.sample.pieces, cleaning, key, folder, preview)
    plan.require_room()
    return plan


def _forget(folders: Iterable[Path]) -> None:
    """Remove parts of a source that has changed since, unless another process writes them at this moment."""
    for folder in folders:
        with suppress(Timeout), lock_of(folder).acquire(timeout=0):
            remove_folder(folder)


def _key(pieces: Pieces, source: Source, learned: Learned) -> str:
    """Digest of the files, of how they are cut and read, and of the recipe."""
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in pieces.files]
    known = [
        __version__,
        files,
        [piece.name for piece in pieces],
        source.name,
        source.options.model_dump(),
        learned.cleaned.recipe.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
