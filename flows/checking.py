"""What is refused before a study starts anything: data that cannot be used, or that do not go with each other."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from flows.parameters import StudyParameters
from infra.engines import check_installed
from infra.errors import ParameterError
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.registry import algorithms_for


def prepare_in_advance(
    parameters: StudyParameters,
    folder: Path,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    images: bool = True,
) -> dict[str, PreparedDataset]:
    """Prepare the data sets of a study before a cluster starts, so that faults are told at once.

    Parameters
    ----------
    parameters : StudyParameters
        The study.
    folder : Path
        The folder where prepared data are kept.
    progress : callable, optional
        Function that is called with the name of a data set, with what is done, and with all there is to do.
    images : bool
        Whether images are decoded in this process; else they are only looked for, and the study's cluster decodes
        them.

    Returns
    -------
    dict of str to PreparedDataset
        What is prepared, by the word that names it in the parameters.

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
        source = resolve(data, parameters.target, parameters.chosen_task)
        problem = problem_of(source.task)
        for algorithm in algorithms_for(source.task, parameters.algorithms):
            algorithm.check_installed()
        if not (images or problem.is_table):
            continue
        dataset = problem.prepare(
            source,
            folder,
            folds=parameters.folds,
            first_look=parameters.epochs is None,
            progress=progress and partial(progress, data),
        )
        algorithms_for(dataset.task, parameters.algorithms)
        refuse_namesake(dataset, data, prepared.values())
        prepared[data] = dataset
    return prepared


def refuse_namesake(dataset: PreparedDataset, data: str, others: Iterable[PreparedDataset]) -> None:
    """Refuse a data set whose name another one has, because a report could not tell them apart.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    data : str
        The word that names it in the parameters.
    others : iterable of PreparedDataset
        The data sets that were prepared before.

    Raises
    ------
    ParameterError
        If another data set has the name.
    """
    if dataset.name in [other.name for other in others]:
        raise ParameterError(
            f"--data {data}: a data set called '{dataset.name}' is there already; name each once, and rename a "
            "file whose name another has"
        )
