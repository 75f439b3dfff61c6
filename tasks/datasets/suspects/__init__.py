"""What must not be learned from: columns and rows of a training table that give the answer away or say nothing.

The functions are pure. They take the prepared columns (float64, missing: NaN; or category) and the target (class codes,
int64; or a quantity, float64), and return what they found, with the reason. They change nothing.
"""

from tasks.datasets.suspects.features import constant_columns, copied_features
from tasks.datasets.suspects.finding import Suspect
from tasks.datasets.suspects.row_numbers import row_numbers
from tasks.datasets.suspects.rows import RepeatedRows, repeated_rows
from tasks.datasets.suspects.target import target_copies, target_tellers, threshold_tellers

__all__ = [
    "RepeatedRows",
    "Suspect",
    "constant_columns",
    "copied_features",
    "repeated_rows",
    "row_numbers",
    "target_copies",
    "target_tellers",
    "threshold_tellers",
]
