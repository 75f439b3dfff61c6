"""The records of a study: plain, serialisable objects that the leaderboard, the report and `--json` share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, Field

from infra.engines import EngineName
from infra.monitoring import Usage
from tasks.datasets.catalogue import Task
from tasks.datasets.survey import ColumnSurvey

Search = Literal["baseline", "grid", "random"]
SEARCHES: tuple[Search, ...] = get_args(Search)
Parameter = bool | int | float | str | None


class Way(NamedTuple):
    """A way to make a model: an algorithm with its default parameters, or tuned by a search."""

    algorithm: str
    search: Search

    def __str__(self) -> str:
        return f"{self.algorithm} {self.search}"

    @property
    def is_baseline(self) -> bool:
        """Whether the model has default parameters, so that no search is needed to make it."""
        return self.search == SEARCHES[0]


class Trial(BaseModel):
    """One candidate of a search, scored on every fold (clustering: once, on all rows)."""

    params: dict[str, Parameter]
    scores: list[float] = Field(description="Scores, one for each fold; empty if the candidate failed.")
    mean_score: float | None
    seconds: float = Field(
        description="Seconds that the fits of the candidate took, summed over the folds (shared fits count once)."
    )
    error: str | None = None
    rows: int | None = Field(
        None,
        description="Number of rows of the fit in a search over growing samples; None: those of the folds.",
    )


class Cell(BaseModel):
    """One cell of the comparison: an algorithm on an engine, as baseline or tuned by a search."""

    dataset: str
    algorithm: str = Field(description="Registry name, for example 'xgboost' or 'dbscan'.")
    engine: EngineName
    search: Search
    status: Literal["completed", "failed", "too_large"] = Field(
        "completed",
        description="'too_large': the cell was not run, because the table has too many rows for it by an estimate that "
        "was made beforehand.",
    )
    error: str | None = Field(
        None, description="Cause of a failure, or the estimate by which a cell is too large."
    )
    notes: list[str] = Field(
        default_factory=list,
        description="Sentences about what was done in another way because the table is large.",
    )
    implementation: str = Field(
        "", description="Implementation of the fit, for example 'one fit on one worker'."
    )
    workers: int = 1
    params: dict[str, Parameter] = Field(default_factory=dict)
    space: str = Field(
        "", description="Space in which clustering scores are computed: 'standardised', 'raw'."
    )
    score_name: str = Field(
        "", description="Name of the score that the search maximises, for example 'accuracy' or 'silhouette'."
    )
    cv_score: float | None = Field(
        None, description="Mean score of the best candidate over the search's folds (None for a baseline)."
    )
    metrics: dict[str, float] = Field(
        default_factory=dict,
        description="Quality: holdout_accuracy, holdout_auc for classification; holdout_r2, holdout_rmse, holdout_mae "
        "for regression; for clustering silhouette, "
        "davies_bouldin, calinski_harabasz in the space the model was fitted in, and the same with prefix raw_ "
        "(none where there are fewer than two clusters), clusters, largest_share, noise_share (of the rows); of a "
        "large table silhouette_error, the standard error of an estimate, and silhouette_rows, the number of its rows.",
    )
    curve: list[dict[str, float]] = Field(
        default_factory=list,
        description="Figures of each epoch of a network: loss, accuracy on training batches, learning_rate, seconds, "
        "images_per_second.",
    )
    network: str | None = Field(None, description="Folder of the trained network.")
    model: str | None = Field(
        None, description="Folder of the fitted model, where the table is too large to fit the model again."
    )
    parts: list[float] = Field(
        default_factory=list,
        description="Scores on parts of the held-out rows of a large table, whose mean is about the score on all of "
        "them.",
    )
    trials: list[Trial] = Field(default_factory=list)
    fits: int = Field(0, description="Number of fits computed for the search (shared fits count once).")
    kept: int = Field(
        0, description="Number of scores read from the ledger of an interrupted study, not computed again."
    )
    usage: Usage = Field(default_factory=Usage)
    mlflow_run_id: str | None = None
    mlflow_url: str | None = None
    profile: str | None = Field(None, description="Top-25 table of cProfile, where a profile was asked for.")
    run_key: str = Field("", exclude=True, description="Key of the cell's MLflow run in this process.")

    @property
    def way(self) -> Way:
        """Algorithm and search of the cell."""
        return Way(self.algorithm, self.search)


def fastest_of_each_way(cells: Iterable[Cell]) -> dict[Way, Cell]:
    """The fastest cell of each way to make a model, whose figures stand for the way.

    Parameters
    ----------
    cells : iterable of Cell
        Completed cells of one data set, of all engines.
    """
    fastest: dict[Way, Cell] = {}
    for cell in cells:
        fastest[cell.way] = min(fastest.get(cell.way, cell), cell, key=lambda one: one.usage.wall_s)
    return fastest


class Evaluation(BaseModel):
    """Score of a way to make a model: by repeated cross-validation, with the tuning inside the folds, or on a hold-out.

    The hold-out answers for a table so large that a cross-validation would be out of proportion.
    """

    dataset: str
    algorithm: str
    search: Search
    metric: str
    folds: int = Field(description="Number of folds of the cross-validation; 0 for a hold-out.")
    repeats: int
    held_out: int | None = Field(None, description="Number of held-out rows; None for a cross-validation.")
    scores: list[float] = Field(
        description="Scores, one for each fold, one repeat after the other, or one for each part of the held-out rows; "
        "every way has the same folds and parts."
    )
    mean: float
    low: float = Field(
        description="Lower end of the 95 % interval (Nadeau-Bengio corrected for a cross-validation)."
    )
    high: float = Field(description="Upper end of the 95 % interval.")
    seconds: float = Field(
        0.0,
        description="Wall seconds to make the model on the training rows, tuning included; for a cross-validation "
        "their mean over the folds.",
    )

    @property
    def way(self) -> Way:
        """Algorithm and search of the evaluation."""
        return Way(self.algorithm, self.search)

    @property
    def scheme(self) -> str:
        """Size of the measurement: '1 x 10' (repeats x folds), or '500,000 rows'."""
        return f"{self.repeats} x {self.folds}" if self.held_out is None else f"{self.held_out:,} rows"

    @property
    def basis(self) -> str:
        """Words that tell how the score was measured: 'by 1 x 10 cross-validation' or 'on 500,000 held-out rows'."""
        if self.held_out is None:
            return f"by {self.repeats} x {self.folds} cross-validation"
        return f"on {self.held_out:,} held-out rows"


class Comparison(BaseModel):
    """Corrected paired test between two evaluations on the same folds."""

    dataset: str
    first: str = Field(description="For example 'xgboost grid'.")
    second: str
    difference: float = Field(description="Mean score of the first minus the second.")
    low: float = Field(description="Lower end of the 95 % interval of the difference (corrected).")
    high: float = Field(description="Upper end of the 95 % interval of the difference.")
    p_value: float


class Recommendation(BaseModel):
    """The recommendation of a study for a data set: the way to make a model, the engine, and the reason."""

    dataset: str
    algorithm: str | None = Field(description="Registry name; None where no way can be recommended.")
    search: Search | None = None
    engine: EngineName | None = Field(
        None, description="Engine whose cell made the model fastest; None where no cell made it."
    )
    metric: str = Field("", description="Metric that decided, for example 'accuracy' or 'silhouette'.")
    score: float | None = Field(None, description="Cross-validated mean; without one, the cell's figure.")
    low: float | None = Field(None, description="Lower end of the 95 % interval; None without an interval.")
    high: float | None = Field(None, description="Upper end of the 95 % interval; None without an interval.")
    basis: str = Field(
        "", description="How the score was measured, for example 'by 1 x 10 cross-validation'."
    )
    reason: str = Field(description="Reason for the recommendation, or for the lack of one, in sentences.")

    @property
    def way(self) -> Way | None:
        """Algorithm and search; None where no way is recommended."""
        return Way(self.algorithm, self.search) if self.algorithm and self.search else None


class Dataset(BaseModel):
    """A prepared data set as the report shows it."""

    name: str
    task: Task
    target: str | None
    rows: int
    columns: list[str]
    sha256: str
    path: str
    notes: list[str] = Field(default_factory=list, description="Changes that cleaning made, with counts.")
    surveys: list[ColumnSurvey] = Field(
        default_factory=list,
        description="What the columns of the file hold, and what was done to each; of a wide table some columns.",
    )
    file_columns: list[str] = Field(
        default_factory=list, description="Names of all columns in the file; empty for images."
    )
    provenance: str = ""
    caution: str = Field("", description="Warning to read before the figures.")
    epochs: int | None = Field(
        None,
        description="Number of epochs that the user asked for; None: a first look at some of the images.",
    )


class RegisteredModel(BaseModel):
    """The recommended model of a data set, fitted on all of its rows, in MLflow's registry."""

    dataset: str
    model: str = Field(description="Algorithm and search, for example 'xgboost grid'.")
    name: str = Field(description="Name in the registry.")
    version: str
    alias: Literal["champion", "challenger"]
    reason: str = Field(description="Why the version became champion or challenger.")
    url: str = Field(description="Address of the version's page in MLflow.")


class Picture(BaseModel):
    """A picture of the report, made where the data is."""

    title: str
    caption: str
    dataset: str
    png: str = Field(description="Base64.")


class Published(BaseModel):
    """A published figure, quoted beside ours."""

    what: str
    published: str
    ours: str
    remark: str


class StudyResult(BaseModel):
    """All results of a study."""

    name: str
    started: datetime
    finished: datetime | None = None
    resumed: bool = False
    kept: int = Field(0, description="Trials kept from an interrupted study.")
    datasets: list[Dataset] = Field(default_factory=list)
    cells: list[Cell] = Field(default_factory=list)
    evaluations: list[Evaluation] = Field(default_factory=list)
    comparisons: list[Comparison] = Field(default_factory=list)
    published: list[Published] = Field(default_factory=list)
    pictures: list[Picture] = Field(default_factory=list)
    recommendations: list[Recommendation] = Field(default_factory=list)
    models: list[RegisteredModel] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)
    machine: str = ""
    links: dict[str, str] = Field(
        default_factory=dict,
        description="Addresses: 'Prefect run', 'MLflow run', 'Dask dashboard', 'report'.",
    )
