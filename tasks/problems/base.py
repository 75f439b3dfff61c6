"""The protocol of a problem: everything that the rest of trilla asks about a kind of problem."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from infra.engines import Engine
from infra.progress import Progress
from tasks import models
from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.planning import Begun, OpenEngine, begin_table, carried_out
from tasks.datasets.prepared import PreparedDataset, Split
from tasks.datasets.table_rules import TableRules
from tasks.report.quality_charts import Chart
from tasks.results import Cell, Evaluation, Picture, Recommendation, Way
from tasks.significance import corrected_interval, split_sizes


@dataclass(frozen=True)
class EvaluationScheme:
    """Repeated cross-validation of ways to make a model.

    Parameters
    ----------
    folds : int
        Number of outer folds.
    repeats : int
        Number of repetitions, each with other folds.
    seed : int
        Seed of the folds.
    candidates : int
        Number of candidates that a random search draws inside a fold.
    """

    folds: int
    repeats: int
    seed: int
    candidates: int


@dataclass(frozen=True)
class MetricColumn:
    """A column of the leaderboard.

    Parameters
    ----------
    metric : str
        Key of `Cell.metrics`.
    heading : str
        Heading in the report.
    wide, narrow : str
        Headings in a wide and in a narrow terminal.
    decimals : int
        Number of decimals in the terminal, for figures that are not shares.
    optional : bool
        Whether the column is left out where no cell has a figure above zero.
    """

    metric: str
    heading: str
    wide: str
    narrow: str
    decimals: int = 3
    optional: bool = False


class Problem(ABC):
    """A kind of problem: its data, its metric, its evaluation, and how its results are shown.

    To add a kind of problem, write a module with one subclass, and add the subclass to `tasks.problems`.
    """

    name: ClassVar[Task]
    """Name in records, commands and forms."""
    metric: ClassVar[str]
    """Name of the score that searches maximise."""
    ranking: ClassVar[str]
    """Key of `Cell.metrics` by which cells are ranked where no cross-validation decides."""
    score_bounds: ClassVar[tuple[float, float]]
    """Lowest and highest value that the metric can take."""
    space: ClassVar[str] = ""
    """Name of the space in which scores are computed; empty where there is only one space."""
    reference: ClassVar[str | None] = None
    """Algorithm that is always cross-validated, as the reference for all others; None: there is no reference."""
    exact: ClassVar[bool] = False
    """Whether a cell's figures describe all rows, so that no difference between two cells is a sampling error, except
    where the figures are estimates with a standard error."""
    rules: ClassVar[TableRules | None] = None
    """Demands on a table; None: the data of this problem are not tables."""

    # data

    @property
    def is_table(self) -> bool:
        """Whether the prepared data are a Parquet table, which Spark can read too."""
        return self.rules is not None

    def prepare(
        self,
        source: Source,
        folder: Path,
        *,
        folds: int,
        first_look: bool,
        progress: Progress | None = None,
        open_engine: OpenEngine | None = None,
    ) -> PreparedDataset:
        """Read, check, clean and keep a source.

        Parameters
        ----------
        source : Source
            The table or folder of images.
        folder : Path
            The folder where prepared data are kept.
        folds : int
            Number of folds that every class must be large enough for.
        first_look : bool
            Whether a sample is enough where all rows would take long.
        progress : callable, optional
            Function that is called with the progress of the preparation.
        open_engine : callable, optional
            Function that connects to an engine whose workers can help.

        Returns
        -------
        PreparedDataset
            The prepared data; their `task` differs from the source's where the target's values decide the task.

        Raises
        ------
        DataError
            If the source cannot be used as it is, or the folder cannot be written.
        """
        return carried_out(
            self.begin(source, folder, folds=folds, first_look=first_look, progress=progress),
            open_engine,
            progress,
        )

    def begin(
        self,
        source: Source,
        folder: Path,
        *,
        folds: int,
        first_look: bool,
        progress: Progress | None = None,
    ) -> Begun:
        """Check and prepare a source; of a large table only check it, and plan what the workers of an engine do.

        Parameters
        ----------
        source : Source
            The table or folder of images.
        folder : Path
            The folder where prepared data are kept.
        folds : int
            Number of folds that every class must be large enough for.
        first_look : bool
            Whether a sample is enough where all rows would take long.
        progress : callable, optional
            Function that is called with the progress.

        Raises
        ------
        DataError
            If the source cannot be used as it is, or the folder cannot be written or is too small.
        """
        assert self.rules is not None  # noqa: S101 (a problem of tables has rules)
        return begin_table(source, folder, self.rules, folds=folds, progress=progress)

    def warm_up(self) -> None:
        """Do one-time work that would disturb the measurement of the first cell, for example compile kernels."""

    @abstractmethod
    def split(self, dataset: PreparedDataset, seed: int = 0) -> Split:
        """Training rows and held-out rows of a prepared data set.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set.
        seed : int
            Seed of the sample of a large table's training rows; the held-out rows do not depend on it.
        """

    # search and evaluation

    def search_splitter(self, folds: int, seed: int) -> Any:
        """Cross-validation splitter inside a search; None: a candidate is scored on all rows."""
        return None

    def evaluation_scheme(self, repeats: int, seed: int, candidates: int) -> EvaluationScheme | None:
        """Scheme of the cross-validation of ways to make a model; None where no cross-validation is possible or wanted.

        Parameters
        ----------
        repeats : int
            Number of repeats that the user asks for; 0 asks for no cross-validation.
        seed : int
            Seed of the folds.
        candidates : int
            Number of candidates that a random search draws inside a fold.
        """
        return None

    def evaluation_splitter(self, scheme: EvaluationScheme) -> Any:
        """Cross-validation splitter of a scheme."""
        raise NotImplementedError(f"{self.name} has no evaluation scheme")

    def evaluated_ways(self, algorithms: Sequence[Algorithm]) -> list[Way]:
        """Ways to make a model that are cross-validated."""
        return [Way(algorithm.name, search) for algorithm in algorithms for search in algorithm.searches]

    def is_first_look(self, options: ModelOptions) -> bool:
        """Whether models are so small and so briefly trained that their scores do not describe the usual models."""
        return False

    # figures

    @abstractmethod
    def quality(
        self, dataset: PreparedDataset, winner: Any, split: Split, engine: Engine
    ) -> dict[str, float]:
        """Figures of a fitted model, by the names that `Cell.metrics` describes.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set that the model was fitted on.
        winner : Pipeline or PredictedRows
            The fitted model.
        split : Split
            The rows that the model was fitted on, and the held-out rows.
        engine : Engine
            The engine whose workers may compute the figures.
        """

    def measured(
        self, dataset: PreparedDataset, model: Any, split: Split, engine: Engine
    ) -> tuple[dict[str, float], list[float]]:
        """Figures of a fitted model, and the pseudo-values of its metric on parts of a large hold-out, if there is one.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set that the model was fitted on.
        model : Pipeline
            The fitted model.
        split : Split
            The rows that the model was fitted on, and the held-out rows.
        engine : Engine
            The engine whose workers may compute the figures.
        """
        return self.quality(dataset, model, split, engine), []

    def keep(
        self, model: Any, description: models.Description, dataset: PreparedDataset, seed: int, folder: Path
    ) -> None:
        """Write what is needed of the model of a large table after its cell into a folder.

        Parameters
        ----------
        model : Pipeline
            The fitted model.
        description : Description
            The description of the model.
        dataset : PreparedDataset
            The large table.
        seed : int
            Seed of the study.
        folder : Path
            The folder, which is made if it is missing.
        """
        models.save(model, description, folder)

    def words_on_size(self, sample: int, held_out: int) -> str:
        """Clause that tells how searches and scores of a large table differ from those of a small one.

        Parameters
        ----------
        sample : int
            Number of rows of the sample that searches use.
        held_out : int
            Number of held-out rows.
        """
        raise NotImplementedError(f"{self.name} has no large tables")

    def holdout_interval(self, score: float, rows: int, parts: Sequence[float]) -> tuple[float, float]:
        """95 % interval of the metric on a large hold-out.

        Parameters
        ----------
        score : float
            The metric on all held-out rows.
        rows : int
            Number of held-out rows.
        parts : sequence of float
            Pseudo-values of the metric on parts of the held-out rows.
        """
        low, high = corrected_interval(parts, *split_sizes(0))
        lowest, highest = self.score_bounds
        return max(low, lowest), min(high, highest)

    def basis(self, cell: Cell) -> str:
        """Words that say how the figure was measured by which cells without a cross-validation are ranked."""
        return "on all rows" if self.exact else "on one hold-out, without an interval"

    def objection(self, cell: Cell) -> str | None:
        """Reason why a cell must not be recommended, even with a high score; None: the cell can be recommended."""
        return None

    # presentation

    @property
    @abstractmethod
    def columns(self) -> tuple[MetricColumn, ...]:
        """Columns of the leaderboard that show quality, the column of the ranking metric first."""

    @abstractmethod
    def quality_chart(self, cells: Sequence[Cell], evaluations: Sequence[Evaluation]) -> Chart | None:
        """Chart of the quality of all ways; None where nothing was measured."""

    @abstractmethod
    def gain_in_words(self, searched: Cell, baseline: Cell) -> str | None:
        """Sentence about the difference between two cells that were not cross-validated; None without a figure."""

    def findings(self, cells: Sequence[Cell]) -> list[str]:
        """Sentences about the cells that a reader needs besides gains and costs."""
        return []

    def remarks(self, cells: Sequence[Cell]) -> list[str]:
        """Sentences that explain the columns of the leaderboard."""
        return []

    @abstractmethod
    def pictures(
        self,
        dataset: PreparedDataset,
        cells: Sequence[Cell],
        recommendation: Recommendation | None,
        progress: Progress | None = None,
    ) -> list[Picture]:
        """Pictures of the data set and of its best models.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set, which the pictures read again.
        cells : sequence of Cell
            The completed cells.
        recommendation : Recommendation, optional
            The way whose model is drawn.
        progress : callable, optional
            Function that is called with the number of predictions that were made, and of all predictions.
        """
