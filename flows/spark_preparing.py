"""The subflow `spark-preparation`: Spark prepares a large table, or reads a table that other workers prepared."""

from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.gathering import complete
from flows.session import current_session
from tasks import steps
from tasks.datasets.prepared import PreparedDataset


def in_this_process() -> Any:
    """Task runner of the Spark subflows, which run in the flow's process, because only it has the Spark session."""
    return ThreadPoolTaskRunner(max_workers=1)


@flow(name="spark-preparation", task_runner=in_this_process(), validate_parameters=False)
def spark_preparation(name: str) -> PreparedDataset:
    """Prepare a large table on Spark; of a table that is prepared, make sure that Spark reads the same table.

    Parameters
    ----------
    name : str
        Name of a prepared data set, or the word that names a large table in the study's parameters.
    """
    session = current_session()
    dataset = session.datasets.get(name)

    def place() -> dict[str, Any]:
        return {"engine": session.spark()}

    if dataset is None:
        prepared: PreparedDataset = complete(
            steps.prepare_on_spark, name, session.prepared[name], place=place
        )
        return prepared
    complete(steps.profile_on_spark, dataset, place=place)
    return dataset
