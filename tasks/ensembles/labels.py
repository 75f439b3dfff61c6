"""Class labels: the classes that the members of a group agree on, and the check that a classifier can learn them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from infra.engines.collective import Communicator
from infra.errors import ParameterError

Array = NDArray[Any]


def agreed_classes(y: Array, communicator: Communicator) -> tuple[Array, Array, Array]:
    """Find the classes of the rows of all members.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Class labels of all members, sorted.
    codes : ndarray of shape (n_rows,), int64
        Labels of this member's rows, as indices into `classes`.
    counts : ndarray of shape (n_classes,), int64
        Number of rows of each class, over all members.
    """
    codes, own_classes = pd.factorize(y, sort=True)
    own_counts = np.bincount(codes, minlength=len(own_classes))
    everyone = communicator.allgather((np.asarray(own_classes), own_counts))
    classes = np.unique(np.concatenate([labels for labels, _ in everyone]))
    counts = np.zeros(len(classes), dtype=np.int64)
    for labels, label_counts in everyone:
        counts[np.searchsorted(classes, labels)] += label_counts
    return classes, np.searchsorted(classes, own_classes)[codes], counts


def check_classes(classes: Array, class_weight: Any) -> None:
    """Check that a classifier can learn these classes.

    Raises
    ------
    ParameterError
        If the labels are not discrete, there is only one class, or `class_weight` names an unknown class.
    """
    if type_of_target(classes) in ("continuous", "continuous-multioutput"):
        raise ParameterError(
            f"y: class labels are needed, found numbers such as {classes[0]} that are not whole"
        )
    if len(classes) < 2:
        raise ParameterError(f"y: at least two classes are needed, found one class, '{classes[0]}'")
    known = set(classes.tolist())
    if isinstance(class_weight, Mapping) and (unknown := [c for c in class_weight if c not in known]):
        raise ParameterError(
            f"class_weight: {unknown[0]!r} is not a class of y; allowed: {', '.join(map(str, classes))}"
        )
