"""Checks before a study starts anything: data that cannot be used, or not together, are refused."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from flows.parameters import StudyParameters
from infra.engines import check_installed
from infra.errors import ParameterError
from tasks.algorithms.base import ModelOptions
from tasks.cost_estimate import Effort, cost_warning, is_very_wide
from tasks.datasets.catalogue import resolve
from tasks.datasets.notes import warning
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.registry import algorithms_for


def prepare_in_advance(
    parameters: StudyParameters,
    folder: Path,
    progress: Callable[[str, int, int], None] | None = None,
    begin: Callable[[str], None] = lambda _step: None,
    *,
    images: bool = True,
) -> dict[str, PreparedDataset]:
    """Prepare the data sets of a study before a cluster starts, so that faults are reported at once.

    Parameters
    ----------
    parameters : StudyParameters
        The study.
    folder : Path
        The folder where prepared data are kept.
    progress : callable, optional
        Function that is called with the name of a data set, the amount done and the total amount.
    begin : callable
        Function that is called with a sentence at the beginning of each step that can take long.
    images : bool
        Whether this process decodes the images; if False, this process only checks that images exist, and the
        study's cluster decodes the images.

    Returns
    -------
    dict of str to PreparedDataset
        The prepared data sets, by the word that names each in the parameters.

    Raises
    ------
    TrillaError
        If a data set cannot be used, no chosen algorithm fits it, two data sets have the same name, or a package
        that an engine or an algorithm needs is not installed.
    """
    for engine in parameters.engines:
        check_installed(engine)
    prepared: dict[str, PreparedDataset] = {}
    for data in parameters.data:
        source = resolve(data, parameters.target, parameters.chosen_task, parameters.reading)
        problem = problem_of(source.task)
        for algorithm in algorithms_for(source.task, parameters.algorithms):
            algorithm.check_installed()
        if not (images or problem.is_table):
            continue
        begin(f"{data}: its rows are read and checked")
        dataset = problem.prepare(
            source,
            folder,
            folds=parameters.folds,
            first_look=parameters.epochs is None,
            progress=progress and partial(progress, data),
        )
        if is_very_wide(len(dataset.columns)):
            begin(f"{data}: one fit of each algorithm is timed, because the table is very wide")
            dataset = with_cost(dataset, parameters)
        refuse_namesake(dataset, data, prepared.values())
        prepared[data] = dataset
    return prepared


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
