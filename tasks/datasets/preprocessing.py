"""From the columns of a prepared table to the numbers that an algorithm learns from."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tasks.datasets.prepared import PreparedDataset

MAX_CATEGORIES = 50  # one-hot columns a text column may become; rarer texts share one


def preprocessor(prepared: PreparedDataset, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Make the unfitted step from a table to numbers; fit it on the training rows of a fold only.

    Parameters
    ----------
    prepared : PreparedDataset
        Whose columns it takes.
    scale : bool
        Bring numeric columns to mean 0 and standard deviation 1.
    impute : bool
        Fill missing numbers with the column's median. Without it they pass through as NaN.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        Numeric columns first, then one column a category. Missing is a category of its own, an unknown one
        counts as rare, and the names it gives hold no `[`, `]` or `<`, which XGBoost refuses.
    """
    steps = [SimpleImputer(strategy="median", keep_empty_features=True)] * impute + [StandardScaler()] * scale
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
        feature_name_combiner=category_name,
    )
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(*steps) if steps else "passthrough", prepared.numeric),
            ("categories", encoder, prepared.categorical),
        ],
        verbose_feature_names_out=plain_name,
    )


def category_name(column: str, category: object) -> str:
    """Name of a one-hot column, for example `colour=red`."""
    return f"{column}={category}"


def plain_name(_step: str, column: str) -> str:
    """Write a column's name in look-alikes of the three characters that XGBoost refuses."""
    return column.translate(str.maketrans("[]<", "⁅⁆‹"))
