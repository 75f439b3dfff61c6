"""Predictions for a table of any size: its pieces are scored on an engine, and an interrupted run goes on."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from infra import __version__
from infra.engines import Engine
from infra.errors import DataError, EngineError
from tasks.datasets.catalogue import Source
from tasks.datasets.findings import Manners, merged
from tasks.datasets.kept import collapsed, require_free, require_kept
from tasks.datasets.pieces import Pieces, find_pieces
from tasks.models import library_versions, target_of
from tasks.scoring.folder import (
    OutputFolder,
    PredictionsManifest,
    Run,
    files_digest,
    output_folder,
    text_digest,
)
from tasks.scoring.loading import LoadedModel
from tasks.scoring.parts import Part
from tasks.scoring.scorer import Empty, Job, NumberedPiece, Outcome, Refused, score_piece


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    done, total : int
        Number of pieces that are done, those of an interrupted run included, and of all pieces.
    kept : int
        Number of parts of an interrupted run that were kept.
    rows : int
        Number of rows that this run has predicted.
    seconds : float
        Seconds since the first piece was handed to the engine.
    """

    done: int
    total: int
    kept: int
    rows: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Number of rows that this run predicts in a second."""
        return self.rows / self.seconds if self.seconds else 0.0


Follow = Callable[[Progress], None]
"""Function that is called after each piece."""


@dataclass(frozen=True)
class Scored:
    """A complete folder of predictions.

    Parameters
    ----------
    folder : Path
        The folder.
    manifest : PredictionsManifest
        Its description.
    last : Progress
        How far the run was at its end.
    """

    folder: Path
    manifest: PredictionsManifest
    last: Progress


@dataclass(frozen=True)
class Request:
    """What is to be scored.

    Parameters
    ----------
    model : LoadedModel
        The model.
    source : Source
        The table.
    folder : Path
        The folder of the predictions; a missing folder is made.
    keep : tuple of str
        Columns of the table that are carried along.
    """

    model: LoadedModel
    source: Source
    folder: Path
    keep: tuple[str, ...] = ()


def score_folder(
    request: Request, engine: Callable[[], AbstractContextManager[Engine]], follow: Follow
) -> Scored:
    """Score the pieces of a table that have no part yet, and describe the complete folder.

    Parameters
    ----------
    request : Request
        What is to be scored.
    engine : callable
        Function that returns the context manager of an engine; it is called only if a piece is to be scored.
    follow : callable
        Function that is called after each piece.

    Raises
    ------
    DataError
        If the table or the folder cannot be used. The parts that were written stay, and the same run goes on with
        them.
    EngineError
        If a worker died at every try of a piece.
    """
    if request.model.description.images:
        raise DataError(
            f"--out {request.folder}: predictions of images are one file; give a file that ends in .csv or .parquet"
        )
    source = request.model.description.recipe.as_in_training(request.source)
    keep = tuple(collapsed(request.keep))
    require_free(keep, target_of(request.model.description))
    _require_apart(source.path, request.folder)
    pieces = find_pieces(source)
    _require_columns(pieces, keep, request)
    run = _run(request, pieces, keep)
    manifest = _manifest(request, pieces, run)
    with output_folder(request.folder) as folder:
        kept = folder.begin(manifest, range(len(pieces)))
        scoring = _Scoring(pieces, kept, follow)
        missing = [NumberedPiece(i, piece) for i, piece in enumerate(pieces) if i not in scoring.parts]
        if missing:
            job = Job(
                request.model.pipeline, request.model.description, keep, request.folder.absolute(), run.digest
            )
            with engine() as started:
                scoring.score(started, missing, job)
        if files_digest(pieces.files) != run.files:
            raise DataError(
                f"'{source.path}' changed during the run; run the command again with a new folder"
            )
        return _complete(request, folder, manifest, scoring)


def _complete(
    request: Request, folder: OutputFolder, manifest: PredictionsManifest, scoring: "_Scoring"
) -> Scored:
    if not scoring.parts:
        raise DataError(scoring.why_empty() or f"'{request.source.path}' has no rows to predict")
    recipe, fitted = request.model.description.recipe, request.model.pipeline["prepare"]
    found = merged([part.description.findings for part in scoring.in_order])
    notes = (*scoring.notes(), *found.sentences(recipe, fitted))
    complete = manifest.completed(scoring.in_order, notes)
    folder.keep(complete)
    return Scored(request.folder, complete, scoring.progress)


class _Scoring:
    """The pieces of a run, and what has become of them so far."""

    def __init__(self, pieces: Pieces, kept: Sequence[Part], follow: Follow) -> None:
        self._pieces = pieces
        self._follow = follow
        self._manners = Manners()
        self.parts = {part.description.number: part for part in kept}
        for part in self.in_order:
            self._manners.add(part.description.piece, part.description.findings)
        self._empty: dict[int, Empty] = {}
        self.progress = Progress(len(kept), len(pieces), len(kept), 0, 0.0)

    @property
    def in_order(self) -> list[Part]:
        """The parts in the order of the rows."""
        return [self.parts[number] for number in sorted(self.parts)]

    def score(self, engine: Engine, missing: Sequence[NumberedPiece], job: Job) -> None:
        """Score pieces; the first piece that is refused ends the work, and the parts that are written stay."""
        start = time.perf_counter()
        self._follow(self.progress)
        with closing(engine.run(score_piece, missing, job)) as outcomes:
            for index, outcome in outcomes:
                self._take(missing[index], outcome)
                done = len(self.parts) + len(self._empty)
                rows = self.progress.rows + (outcome.rows if isinstance(outcome, Part) else 0)
                kept, seconds = self.progress.kept, time.perf_counter() - start
                self.progress = Progress(done, len(self._pieces), kept, rows, seconds)
                self._follow(self.progress)

    def _take(self, item: NumberedPiece, outcome: Outcome | EngineError) -> None:
        match outcome:
            case Part():
                self._manners.add(item.piece.name, outcome.description.findings)
                self.parts[item.number] = outcome
            case Empty():
                self._empty[item.number] = outcome
            case Refused():
                raise DataError(outcome.reason)
            case EngineError():
                raise EngineError(
                    f"{item.piece.name}: {outcome}; the parts that are written stay, and the same command goes on"
                )

    def why_empty(self) -> str:
        """The reason why the only piece of a table has no rows; empty if there are several pieces."""
        return self._empty[0].reason if len(self._pieces) == 1 else ""

    def notes(self) -> tuple[str, ...]:
        """Sentences on the files of the table."""
        if not self._empty:
            return self._pieces.notes
        count = f"{len(self._empty):,} of {len(self._pieces):,}"
        return (*self._pieces.notes, f"{count} pieces have no rows")


def _require_apart(source: Path, folder: Path) -> None:
    """Refuse a folder of predictions inside the table, whose next reader would take predictions for rows."""
    out = folder.absolute().resolve()
    if source.is_dir() and out.is_relative_to(source.resolve()):
        raise DataError(
            f"--out {folder}: the folder is the table's own folder '{source}' or lies in it; give another folder"
        )


def _require_columns(pieces: Pieces, keep: Sequence[str], request: Request) -> None:
    """Refuse a table that lacks columns, before anything is started, if its files name their columns at the top."""
    if pieces.names is not None:
        names = [" ".join(name.split()) for name in pieces.names]
        request.model.description.recipe.require_inputs(names, request.source.path)
        require_kept(keep, names, request.source.path, lambda: names)


def _run(request: Request, pieces: Pieces, keep: tuple[str, ...]) -> Run:
    return Run(
        model=request.model.sha256,
        source=str(request.source.path),
        files=files_digest(pieces.files),
        keep=keep,
        trilla=__version__,
        pieces=text_digest("\n".join(piece.name for piece in pieces)),
    )


def _manifest(request: Request, pieces: Pieces, run: Run) -> PredictionsManifest:
    return PredictionsManifest(
        run=run,
        model=request.model.name,
        dataset=request.model.description.dataset,
        algorithm=request.model.description.algorithm,
        versions=library_versions(),
        pieces=len(pieces),
    )
