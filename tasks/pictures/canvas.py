"""What the pictures share: their size, the colours of clusters, and their form in the report."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

from tasks.clustering.labelings import NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ABOVE = "#7f7f7f"
"""Colour of what belongs to no cluster but joins several."""


def canvas() -> tuple["Figure", "Axes"]:
    """Return a figure of the common size with its axes."""
    figure, [axes] = panels(1)
    return figure, axes


def panels(count: int) -> tuple["Figure", list["Axes"]]:
    """Return a figure with so many axes side by side, which share their scales."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 if count == 1 else 3.4 * count, 4.4), layout="constrained")
    row = list(figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0])
    for axes in row:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, row


def name(cluster: int) -> str:
    """A cluster as a legend names it."""
    return "noise" if cluster == NOISE else str(cluster)


def colour(cluster: int) -> Any:
    """Colour of a cluster, the same in all pictures of a clustering."""
    from matplotlib import colormaps

    return "lightgrey" if cluster == NOISE else colormaps["tab10"](int(cluster) % 10)


def png(figure: "Figure") -> str:
    """Return the figure as PNG in base64."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return base64.b64encode(stream.getvalue()).decode()
