"""Checks before a study starts anything: data that cannot be used, or not together, are refused."""

from collections.abc import Callable, Iterable
from functools import partial

from flows.parameters import StudyParameters
from infra.engines import check_installed, memory_in_bytes
from infra.errors import ParameterError
from infra.settings import Settings
from tasks.algorithms.base import ModelOptions
from tasks.cost_estimate import Effort, cost_warning, is_very_wide
from tasks.datasets.catalogue import resolve
from tasks.datasets.notes import warning
from tasks.datasets.planning import Begun, preview_of
from tasks.datasets.prepared import PreparedDataset
from tasks.large.size import by_blocks, needs_blocks
from tasks.problems import problem_of
from tasks.registry import algorithms_for
from tasks.worker_memory import refuse_small_workers


def prepare_in_advance(
    parameters: StudyParameters,
    settings: Settings,
    progress: Callable[[str, int, int], None] | None = None,
    look: Callable[[str, int, int], None] | None = None,
    begin: Callable[[str], None] = lambda _step: None,
    *,
    images: bool = True,
) -> dict[str, Begun]:
    """Prepare the data sets of a study before a cluster starts, so that faults are reported at once.

    Of a large table only the plan is made: the study's workers write its rows.

    Parameters
    ----------
    parameters : StudyParameters
        The study.
    settings : Settings
        Settings that say where prepared data are kept.
    progress : callable, optional
        Function that is called with the name of a folder of images, the amount done and the total amount.
    look : callable, optional
        Function that is called with the name of a large table, the pieces that were looked at, and all pieces.
    begin : callable
        Function that is called with a sentence at the beginning of each step that can take long.
    images : bool
        Whether this process decodes the images; if False, this process only checks that images exist, and the
        study's cluster decodes the images.

    Returns
    -------
    dict of str to PreparedDataset or Plan
        The data sets, by the word that names each in the parameters.

    Raises
    ------
    TrillaError
        If a data set cannot be used, no chosen algorithm fits it, two data sets have the same name, or a package
        that an engine or an algorithm needs is not installed.
    """
    for engine in parameters.engines:
        check_installed(engine)
    prepared: dict[str, Begun] = {}
    for data in parameters.data:
        source = resolve(data, parameters.target, parameters.chosen_task, parameters.reading)
        problem = problem_of(source.task)
        for algorithm in algorithms_for(source.task, parameters.algorithms):
            algorithm.check_installed()
        if not (images or problem.is_table):
            continue
        begin(f"{data}: its rows are read and checked")
        shown = look if problem.is_table else progress
        begun = problem.begin(
            source,
            settings.tables if problem.is_table else settings.images,
            folds=parameters.folds,
            first_look=parameters.epochs is None,
            progress=shown and partial(shown, data),
        )
        if isinstance(begun, PreparedDataset) and _takes_long(begun, parameters):
            begin(f"{data}: one fit of each algorithm is timed, because the table is very wide")
            begun = with_cost(begun, parameters)
        refuse_namesake(preview_of(begun), data, map(preview_of, prepared.values()))
        # the workers of a cluster that runs already have a limit of their own
        if settings.dask_address is None:
            refuse_small_workers(
                as_trained(preview_of(begun), parameters),
                parameters.workers or settings.cores,
                memory_in_bytes(parameters.worker_memory),
            )
        prepared[data] = begun
    return prepared


def as_trained(dataset: PreparedDataset, parameters: StudyParameters) -> PreparedDataset:
    """The data set, marked and with a note if its models are trained from blocks of rows.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared data set.
    parameters : StudyParameters
        The study.
    """
    if parameters.exhaustive or not needs_blocks(dataset):
        return dataset
    return by_blocks(dataset, parameters.seed, problem_of(dataset.task).words_on_size)


def _takes_long(dataset: PreparedDataset, parameters: StudyParameters) -> bool:
    """Whether searches and cross-validation of a table may take so long that their time is estimated."""
    return is_very_wide(len(dataset.columns)) and not as_trained(dataset, parameters).by_blocks


def with_cost(dataset: PreparedDataset, parameters: StudyParameters) -> PreparedDataset:
    """The data set with a note on the time of the study, if a study of the very wide table takes long."""
    sentence = cost_warning(
        dataset,
        algorithms_for(dataset.task, parameters.algorithms),
        ModelOptions(seed=parameters.seed, epochs=parameters.epochs),
        Effort(len(parameters.engines), parameters.folds, parameters.candidates, parameters.repeats),
    )
    return dataset.model_copy(update={"notes": [*dataset.notes, warning(sentence)]}) if sentence else dataset


def refuse_namesake(dataset: PreparedDataset, data: str, others: Iterable[PreparedDataset]) -> None:
    """Refuse a data set that has the name of another one, because a report could not tell the two apart.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    data : str
        The word that names the data set in the parameters.
    others : iterable of PreparedDataset
        The data sets that were prepared before.

    Raises
    ------
    ParameterError
        If another data set has the name.
    """
    if dataset.name in [other.name for other in others]:
        raise ParameterError(
            f"--data {data}: another data set is called '{dataset.name}' already; name each data set once, and "
            "rename one of two files with the same name"
        )
