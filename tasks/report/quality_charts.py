"""The chart of the quality of all ways to make a model, with its title, caption and alternative text."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report import figures, wording
from tasks.report.selection import completed, quality
from tasks.results import Cell, Evaluation


@dataclass(frozen=True)
class Chart:
    """A chart of the report.

    Parameters
    ----------
    title : str
        Heading of the chart.
    svg : str
        The drawing.
    caption : str
        Sentences below the drawing.
    alt : str
        The drawing's figures in words, for readers who do not see it.
    """

    title: str
    svg: str
    caption: str
    alt: str


def prediction_chart(cells: Sequence[Cell], evaluations: Sequence[Evaluation], holdout: str) -> Chart | None:
    """Cross-validated means with intervals, and hold-out figures; None where nothing was measured.

    Parameters
    ----------
    cells : sequence of Cell
        The cells of one data set.
    evaluations : sequence of Evaluation
        The cross-validated ways of the data set.
    holdout : str
        Key of `Cell.metrics` of the hold-out figure.
    """
    measured = [c for c in completed(cells) if quality(c, holdout) is not None]
    if not measured and not evaluations:
        return None
    intervals = [
        f"{e.way} {wording.score(e.mean, e.metric)} "
        f"({wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)})"
        for e in evaluations
    ]
    holdouts = [f"{c.way} on {c.engine} {wording.score(c.metrics[holdout], holdout)}" for c in measured]
    caption = "Hollow marks show the figure on the one hold-out, one mark for each engine."
    if evaluations:
        caption = f"Filled diamonds show the mean of the cross-validation with its 95 % interval. {caption}"
    alt = "; ".join(
        filter(None, ("Cross-validated: " + ", ".join(intervals) if intervals else "", *holdouts))
    )
    return Chart("Quality", figures.prediction_quality(cells, evaluations, holdout), caption, alt)


def clustering_chart(cells: Sequence[Cell]) -> Chart | None:
    """Silhouette, Davies-Bouldin and Calinski-Harabasz of each way; None where nothing was measured."""
    measured = [c for c in completed(cells) if quality(c, "silhouette") is not None]
    if not measured:
        return None
    alt = "; ".join(f"{c.way} on {c.engine} silhouette {c.metrics['silhouette']:.3f}" for c in measured)
    caption = (
        "Each mark shows one figure, without an interval, computed on all rows in the space that the model was "
        "fitted in."
    )
    if any(quality(c, "silhouette") is None for c in completed(cells)):
        caption += " A way without a mark found too few clusters for these figures."
    return Chart("Quality", figures.clustering_quality(cells), caption, alt)
