"""Helpers that all pictures use: size, names and colours of clusters, and encoding."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

from tasks.clustering.labelings import NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_CLUSTER = "#7f7f7f"
"""Colour of a line that belongs to no single cluster, for example the merge of two clusters."""


def figure_with_axes() -> tuple["Figure", "Axes"]:
    """Return a figure of the common size, and its axes."""
    figure, [axes] = figure_with_panels(1)
    return figure, axes


def figure_with_panels(count: int) -> tuple["Figure", list["Axes"]]:
    """Return a figure, and its axes side by side, which share their scales."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 if count == 1 else 3.4 * count, 4.4), layout="constrained")
    row = list(figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0])
    for axes in row:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, row


def cluster_name(cluster: int) -> str:
    """Return the name of a cluster in a legend."""
    return "noise" if cluster == NOISE else str(cluster)


def category_colour(code: int) -> Any:
    """Return the colour of a cluster or a class; the same code has the same colour in all pictures."""
    from matplotlib import colormaps

    return "lightgrey" if code == NOISE else colormaps["tab10"](int(code) % 10)


def png(figure: "Figure") -> str:
    """Return a figure as PNG, encoded in base64."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return base64.b64encode(stream.getvalue()).decode()
