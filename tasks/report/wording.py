"""Numbers and names as a person reads them; shared by the terminal, the HTML report and the artifacts."""

import math
from collections.abc import Mapping, Sequence

from tasks.results import Parameter

MIB = 2**20
_SHARES = ("accuracy", "precision", "recall", "_share")
_NAMES = {
    "holdout_accuracy": "hold-out accuracy",
    "holdout_auc": "hold-out AUC",
    "holdout_r2": "hold-out R²",
    "holdout_rmse": "hold-out RMSE",
    "holdout_mae": "hold-out mean absolute error",
    "r2": "R²",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "AUC",
    "silhouette": "silhouette",
    "silhouette_error": "standard error of the silhouette",
    "raw_silhouette_error": "standard error of the silhouette on the raw columns",
    "silhouette_rows": "number of rows that the silhouette is estimated from",
    "davies_bouldin": "Davies-Bouldin",
    "calinski_harabasz": "Calinski-Harabasz",
    "raw_silhouette": "silhouette on the raw columns",
    "largest_share": "share of the largest cluster",
    "noise_share": "share of noise",
}


def metric_name(metric: str) -> str:
    """Name of a metric in running text."""
    return _NAMES.get(metric, metric.replace("_", " "))


def heading(metric: str) -> str:
    """Name of a metric at the head of a column."""
    name = metric_name(metric)
    return name[:1].upper() + name[1:]


def is_share(metric: str) -> bool:
    """Whether a metric is a share of rows, which is shown in per cent, with differences in points."""
    return any(metric.endswith(name) for name in _SHARES)


def score(value: float | None, metric: str, decimals: int | None = None) -> str:
    """Return a score in words: a share in per cent, a count without decimals, others as plain numbers.

    Parameters
    ----------
    value : float, optional
        The score; None and values that are not finite become a dash.
    metric : str
        Name of the metric, which tells whether the score is a share.
    decimals : int, optional
        Number of decimals; None: 1 for a share, 3 for others, fewer for large numbers.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if metric == "clusters":
        return f"{value:.0f}"
    if is_share(metric):
        return f"{100 * value:.{1 if decimals is None else decimals}f} %"
    return plain(value, 3 if decimals is None else decimals)


def plain(value: float | None, decimals: int) -> str:
    """Return a number with a fixed number of decimals, fewer where the whole part is long."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    return f"{value:z,.{max(decimals - 2, 0) if size >= 100 else decimals - 1 if size >= 10 else decimals}f}"


def gap(difference: float, metric: str) -> str:
    """Size of a difference of two scores, without its sign: '0.4 points' for shares, else '0.012'."""
    size = round(abs(difference), 9)  # means of equal scores differ by the last bits
    if not is_share(metric):
        return f"{size:.3f}"
    return f"{100 * size:.{2 if 0 < size < 0.001 else 1}f} points"


def seconds(value: float) -> str:
    """Return seconds with about three significant digits, without the unit."""
    if value < 0.1:
        return f"{value:.3f}"
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def duration(value: float) -> str:
    """Return a duration with its unit, from seconds to hours."""
    if value < 120:
        return f"{seconds(value)} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def mib(size: float) -> str:
    """Return bytes as whole MiB, without the unit."""
    return f"{size / MIB:,.0f}"


def probability(value: float) -> str:
    """Return a p-value as 'p = 0.31' or 'p < 0.001'."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2f}" if value >= 0.095 else f"p = {value:.3f}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: '1 trial', '1,200 trials'.

    Parameters
    ----------
    number : int
        The number.
    noun : str
        The noun in the singular.
    plural : str, optional
        The noun in the plural; None: the singular with an 's'.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(words: Sequence[str]) -> str:
    """Join words as a sentence does: 'a, b and c'."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def one_line(text: str) -> str:
    """Return text on one line, without control characters, so that the text cannot control a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def parameter(value: Parameter) -> str:
    """Return one parameter value, floats with at most four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value))


def parameters(params: Mapping[str, Parameter]) -> str:
    """Return parameters as 'max_depth = 3, subsample = 0.8'."""
    return ", ".join(f"{one_line(name)} = {parameter(value)}" for name, value in params.items())
