"""What is refused before a study starts anything: data that cannot be used, or not together."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from flows.parameters import StudyParameters
from infra.errors import ParameterError
from tasks.datasets.catalogue import resolve
from tasks.datasets.preparation import prepare
from tasks.datasets.prepared import PreparedDataset
from tasks.registry import algorithms_for


def prepare_all(
    parameters: StudyParameters,
    folder: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[PreparedDataset]:
    """Prepare every data set of a study in `folder`, as the study itself will; it finds them there then.

    Parameters
    ----------
    parameters : StudyParameters
    folder : Path
    progress : callable, optional
        Called with a data set and how far its preparation is, as `prepare` does.

    Raises
    ------
    TrillaError
        If one cannot be used, no algorithm of those chosen fits it, or two have the same name.
    """
    prepared: list[PreparedDataset] = []
    for data in parameters.data:
        dataset = prepare(
            resolve(data, parameters.target, parameters.chosen_task),
            folder,
            folds=parameters.folds,
            epochs=parameters.epochs,
            progress=progress and partial(progress, data),
        )
        algorithms_for(dataset.task, parameters.algorithms)
        refuse_namesake(dataset, data, prepared)
        prepared.append(dataset)
    return prepared


def refuse_namesake(dataset: PreparedDataset, data: str, others: list[PreparedDataset]) -> None:
    """Refuse a data set whose name another one has: a report could not tell them apart.

    Raises
    ------
    ParameterError
        If that is so.
    """
    if dataset.name in [other.name for other in others]:
        raise ParameterError(
            f"--data {data}: a data set called '{dataset.name}' is there already; name each once, and rename a "
            "file whose name another has"
        )
