"""Class labels: the classes that the members of a group agree on, and the check that a classifier can learn them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from infra.engines.collective import Communicator
from infra.errors import ParameterError

Array = NDArray[Any]


def agreed_classes(parts: Iterable[Array], communicator: Communicator) -> tuple[Array, Array, Array]:
    """Find the classes of the rows of all members.

    Parameters
    ----------
    parts : iterable of ndarray
        Labels of this member's rows, in one or more parts, of which one at a time is in memory.
    communicator : Communicator
        The members that agree on the classes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Class labels of all members, sorted.
    codes : ndarray of shape (n_rows,), int32
        Labels of this member's rows, as indices into `classes`.
    counts : ndarray of shape (n_classes,), int64
        Number of rows of each class, over all members.
    """
    factorized = [_factorized(part) for part in parts]
    own_classes = np.unique(np.concatenate([labels for _, labels in factorized]))
    everyone = communicator.allgather(own_classes)
    classes = np.unique(np.concatenate(everyone))
    codes = np.concatenate(
        [np.searchsorted(classes, labels).astype(np.int32)[own] for own, labels in factorized]
    )
    counts = communicator.allgather(np.bincount(codes, minlength=len(classes)))
    return classes, codes, np.asarray(sum(counts))


def _factorized(part: Array) -> tuple[Array, Array]:
    codes, labels = pd.factorize(part, sort=True)
    return codes.astype(np.int32), np.asarray(labels)


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
