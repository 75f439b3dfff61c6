"""Labels of rows that lie on several workers: which classes there are, and whether a model can be made of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray
from sklearn.utils.multiclass import type_of_target

from infra.engines import ParquetSource
from infra.engines.collective import Communicator
from infra.errors import DataError, ParameterError

Array = NDArray[Any]


def labelled_path(path: str | Path, target: Any, sample_weight: Any, dtype: DTypeLike) -> ParquetSource:
    """A table with its target column, missing values allowed in the others.

    Raises
    ------
    ParameterError
        If the target is not named, or weights come with the path.
    DataError
        If there is no such table.
    """
    if not isinstance(target, str):
        raise ParameterError("y: with a path, the name of the target column (a str)")
    if sample_weight is not None:
        raise ParameterError("sample_weight: allowed with an array, not with a path")
    source = ParquetSource(path, dtype=dtype, target=target, missing=True)
    if not source.n_rows:
        raise DataError(f"{path} has no rows; at least one is needed")
    return source


def agreed_classes(y: Array, communicator: Communicator) -> tuple[Array, Array, Array]:
    """Sorted classes of all members' rows, this member's labels as indices into them, and their counts."""
    codes, found = pd.factorize(y, sort=True)
    counts = np.bincount(codes, minlength=len(found))
    everyone = communicator.allgather((np.asarray(found), counts))
    classes = np.unique(np.concatenate([labels for labels, _ in everyone]))
    total = np.zeros(len(classes), dtype=np.int64)
    for labels, count in everyone:
        total[np.searchsorted(classes, labels)] += count
    return classes, np.searchsorted(classes, found)[codes], total


def refused(classes: Array, class_weight: Any) -> str | None:
    """Why there cannot be a model of these classes, in one sentence; None if there can."""
    if type_of_target(classes) in ("continuous", "continuous-multioutput"):
        return f"y: class labels are needed, found numbers such as {classes[0]} that are not whole"
    if len(classes) < 2:
        return f"y: at least two classes are needed, found one class, '{classes[0]}'"
    known = set(classes.tolist())
    if isinstance(class_weight, Mapping) and (unknown := [c for c in class_weight if c not in known]):
        return f"class_weight: {unknown[0]!r} is not a class of y; allowed: {', '.join(map(str, classes))}"
    return None
