"""The charts' common style: figures without pyplot, drawn as small SVG that follows the page's theme."""

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

WIDTH = 9.4
"""Width of a figure in inches; the page shows it at 902 CSS pixels or less."""
COLOUR = {"baseline": "#868e99", "grid": "#2f7fc1", "random": "#d2761e"}
"""One colour for each search; the colours differ for colour-blind readers too, on light and dark ground."""
HATCH = {"local": "", "dask": "///", "spark": "xxx"}  # dots would make an SVG of a megabyte
MARKER = {"local": "o", "dask": "s", "spark": "^"}
LINE = {"local": "-", "dask": "--", "spark": ":"}

# Stand-ins that become the page's own colours in the SVG, so that a chart follows light and dark theme.
INK, RULE, GROUND = "#010203", "#010204", "#010205"
_THEME = {INK: "currentColor", RULE: "var(--rule)", GROUND: "var(--ground)"}


def chart(draw: Callable[P, "Figure"]) -> Callable[P, str]:
    """Decorate a function that draws a figure: it is called in the charts' style and returns SVG."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> str:
        with _style():
            return _svg(draw(*args, **kwargs))

    return drawn


def _style() -> AbstractContextManager[None]:
    from matplotlib import rc_context

    style: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "trilla",  # the same figure gives the same SVG
        "text.parse_math": False,  # a '$' in a column name is a '$'
        "font.size": 8.5,
        "axes.titlesize": 9,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.edgecolor": RULE,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "grid.color": RULE,
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.8,
        "legend.frameon": False,
        "text.color": INK,
        "xtick.color": RULE,
        "ytick.color": RULE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
    }
    context: AbstractContextManager[None] = rc_context(style)
    return context


def _svg(figure: "Figure") -> str:
    text = io.StringIO()
    with warnings.catch_warnings():
        # The browser draws the text with its own fonts, so glyphs that matplotlib's font lacks do not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, themed in _THEME.items():
        svg = svg.replace(colour, themed)
    return re.sub(r' id="[A-Za-z.]+_\d+"', "", svg)  # names of groups, which nothing refers to


def own_ids(svg: str, prefix: str) -> str:
    """Return the SVG with a prefix on its ids, so that charts on one page do not share them."""
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)


def panels(
    rows: int, columns: int, height: float, *, left: float = 0.62, gap: float = 0.35, title: float = 0.0
) -> tuple["Figure", list["Axes"]]:
    """Return a figure with a grid of axes, laid out in inches (a layout engine would double the time).

    Parameters
    ----------
    rows, columns : int
        Number of rows and of columns of axes.
    height : float
        Height of each axes in inches.
    left : float
        Room for tick labels left of the first column, in inches.
    gap : float
        Room between two columns, in inches.
    title : float
        Additional room above the first row, in inches.
    """
    from matplotlib.figure import Figure

    top, bottom, between = 0.36 + title, 0.48, 0.62
    total = top + bottom + rows * height + (rows - 1) * between
    width = (WIDTH - left - 0.15 - (columns - 1) * gap) / columns
    figure = Figure(figsize=(WIDTH, total))
    axes = []
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        x = left + column * (width + gap)
        y = total - top - height - row * (height + between)
        axes.append(figure.add_axes((x / WIDTH, y / total, width / WIDTH, height / total)))
    return figure, axes


def legend(figure: "Figure", entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Put a legend of (label, line or patch properties) in the figure's top left corner."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(label=label, **look) if "facecolor" in look else Line2D([], [], label=label, **look)
        for label, look in entries
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=len(handles),
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.1,
    )


def quiet(axes: "Axes", grid: str = "both") -> None:
    """Leave only the grid lines across one axis ('x' or 'y') and no tick marks."""
    axes.tick_params(length=0)
    if grid != "both":
        axes.grid(False, axis="y" if grid == "x" else "x")


def text_width(labels: Sequence[str]) -> float:
    """Room in inches that tick labels need."""
    return 0.25 + 0.068 * max((len(label) for label in labels), default=0)


def few_ticks(axes: "Axes", count: int = 5, integer: bool = False) -> None:
    """Draw few ticks on the x axis, so that their labels do not touch.

    Parameters
    ----------
    axes : Axes
        The axes to change.
    count : int
        Number of intervals between ticks at most.
    integer : bool
        Whether ticks stand at whole numbers only.
    """
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(count, integer=integer))


def thin(points: Sequence[Any], most: int = 300) -> Sequence[Any]:
    """Return every n-th point, so that a curve has at most `most` points."""
    return points[:: max(1, math.ceil(len(points) / most))]
