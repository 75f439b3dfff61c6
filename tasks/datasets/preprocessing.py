"""The scikit-learn step that turns the columns of a prepared table into the numbers that an algorithm uses."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tasks.datasets.prepared import PreparedDataset

MAX_CATEGORIES = 50  # largest number of one-hot columns of a text column; the rarest texts share one column


def preprocessor(prepared: PreparedDataset, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Make the unfitted step from a table to numbers; fit it on the training rows of a fold only.

    Parameters
    ----------
    prepared : PreparedDataset
        The data set whose columns are transformed.
    scale : bool
        Whether numeric columns are scaled to mean 0 and standard deviation 1.
    impute : bool
        Whether missing numbers are filled with the column's median; if False, missing numbers stay NaN.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        The unfitted transformer: numeric columns first, then one column for each category. A missing text is a
        category of its own, and an unknown text counts as a rare category. The names of the new columns hold no `[`,
        `]` or `<`, which XGBoost refuses.
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
            ("categories", encoder, [*prepared.categorical, *prepared.many_valued]),
        ],
        verbose_feature_names_out=plain_name,
    )


def category_name(column: str, category: object) -> str:
    """Name of a one-hot column, for example `colour=red`."""
    return f"{column}={category}"


def plain_name(_step: str, column: str) -> str:
    """Name of a column with look-alikes in place of the three characters that XGBoost refuses."""
    return column.translate(str.maketrans("[]<", "⁅⁆‹"))
