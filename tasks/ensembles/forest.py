"""Random forests of scikit-learn's trees, grown by the workers of any engine."""

from typing import Any, ClassVar

from numpy.typing import ArrayLike
from sklearn import ensemble
from sklearn.utils.validation import check_is_fitted

from infra.engines import Engine
from tasks.ensembles.base_forest import BaseRandomForest
from tasks.ensembles.forest_slices import ClassifierSlice, RegressorSlice
from tasks.tables import is_table


class RandomForestClassifier(BaseRandomForest, ensemble.RandomForestClassifier):
    """Random forest of scikit-learn's classification trees, grown by the workers of an engine.

    Each worker grows slices of the forest with the seeds that scikit-learn itself would draw. With the same
    `random_state`, the forest is therefore scikit-learn's, tree by tree, on every engine with any number of
    workers.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of trees.
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
        Measure of a split's quality.
    max_depth : int or None, default=None
        Maximum depth of a tree; None means no limit.
    min_samples_split : int or float, default=2
        Minimum number of rows, or share of all rows, that a node must have to be split.
    min_samples_leaf : int or float, default=1
        Minimum number of rows, or share of all rows, in a leaf.
    min_weight_fraction_leaf : float, default=0.0
        Minimum share of the sum of all weights in a leaf.
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        Number, or share, of the features that each split chooses from; None means all.
    max_leaf_nodes : int or None, default=None
        Maximum number of leaves of a tree; None means no limit.
    min_impurity_decrease : float, default=0.0
        Minimum decrease of the impurity that a split needs.
    bootstrap : bool, default=True
        Whether each tree is fitted to rows drawn with replacement, or to all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and features.
    class_weight : {"balanced", "balanced_subsample"}, dict, list of dicts or None, default=None
        Weights of the classes; None means 1 for each.
    ccp_alpha : float, default=0.0
        Complexity parameter of minimal cost-complexity pruning.
    max_samples : int, float or None, default=None
        Number, or share, of the rows drawn for each tree; None means as many as there are.
    monotonic_cst : array-like of shape (n_features,) or None, default=None
        Monotonic constraint of each feature: 1 increasing, -1 decreasing, 0 none.
    engine : Engine, optional
        Engine from `infra.engines.connect` whose workers grow the trees (threads, for the engine "local");
        default: this process.

    Attributes
    ----------
    classes_, n_classes_, n_outputs_, n_features_in_, estimator_, estimators_, estimators_samples_
        As in scikit-learn's class of the same name.
    feature_importances_ : ndarray of shape (n_features,), float64
        Mean decrease of impurity by the splits at each feature, summing to 1.
    implementation_ : str
        Name of the library that grew the trees, and number of workers.
    way_ : SampledRows or None
        The rows of a table that each worker held, chosen by the memory that it needs; as text, it says so in words.
        None after a fit to an array.

    Notes
    -----
    Each worker reads the rows of a path or a source by itself, into a float32 matrix: all rows, or the same random
    sample where a worker's memory does not allow all; `way_` says which in words. Spark MLlib grows a forest without
    gathering the rows only where it is asked for by name: `tasks.ensembles.mllib.MLlibRandomForestClassifier`.

    References
    ----------
    Breiman, "Random forests" (2001).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RandomForestClassifier(n_estimators=10, random_state=0).fit(X, y)
    >>> model.predict(X[[0, 60, 120]])
    array([0, 1, 2])
    >>> model.implementation_
    "scikit-learn's trees, grown by 1 worker"
    """

    slice_class: ClassVar[Any] = ClassifierSlice
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ensemble.RandomForestClassifier._parameter_constraints,
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_depth: int | None = None,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: str | int | float | None = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        random_state: Any = None,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: int | float | None = None,
        monotonic_cst: ArrayLike | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            criterion=criterion,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            bootstrap=bootstrap,
            random_state=random_state,
            class_weight=class_weight,
            ccp_alpha=ccp_alpha,
            max_samples=max_samples,
            monotonic_cst=monotonic_cst,
        )
        self.engine = engine

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class: the mean over the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or str or Path or BlockSource
            Features; a path is one to Parquet; of a source, the first array of each block is used. `predict` and
            `predict_log_proba` take the same.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64; a list of them for several targets
            Probabilities, in the order of `classes_`.
        """
        if is_table(X):
            return self._predict_table(X, "predict_proba")
        check_is_fitted(self)
        return self._mean(X, "predict_proba") if self.n_outputs_ == 1 else super().predict_proba(X)


class RandomForestRegressor(BaseRandomForest, ensemble.RandomForestRegressor):
    """Random forest of scikit-learn's regression trees, grown by the workers of an engine.

    With the same `random_state`, the forest is scikit-learn's, tree by tree, on every engine.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of trees.
    criterion : {"squared_error", "absolute_error", "poisson"}, default="squared_error"
        Measure of a split's quality.
    max_depth : int or None, default=None
        Maximum depth of a tree; None means no limit.
    min_samples_split : int or float, default=2
        Minimum number of rows, or share of all rows, that a node must have to be split.
    min_samples_leaf : int or float, default=1
        Minimum number of rows, or share of all rows, in a leaf.
    min_weight_fraction_leaf : float, default=0.0
        Minimum share of the sum of all weights in a leaf.
    max_features : {"sqrt", "log2"}, int, float or None, default=1.0
        Number, or share, of the features that each split chooses from; None means all.
    max_leaf_nodes : int or None, default=None
        Maximum number of leaves of a tree; None means no limit.
    min_impurity_decrease : float, default=0.0
        Minimum decrease of the impurity that a split needs.
    bootstrap : bool, default=True
        Whether each tree is fitted to rows drawn with replacement, or to all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and features.
    ccp_alpha : float, default=0.0
        Complexity parameter of minimal cost-complexity pruning.
    max_samples : int, float or None, default=None
        Number, or share, of the rows drawn for each tree; None means as many as there are.
    monotonic_cst : array-like of shape (n_features,) or None, default=None
        Monotonic constraint of each feature: 1 increasing, -1 decreasing, 0 none.
    engine : Engine, optional
        Engine from `infra.engines.connect` whose workers grow the trees (threads, for the engine "local");
        default: this process.

    Attributes
    ----------
    n_outputs_, n_features_in_, estimator_, estimators_, estimators_samples_
        As in scikit-learn's class of the same name.
    feature_importances_ : ndarray of shape (n_features,), float64
        Mean decrease of impurity by the splits at each feature, summing to 1.
    implementation_ : str
        Name of the library that grew the trees, and number of workers.
    way_ : SampledRows or None
        The rows of a table that each worker held, chosen by the memory that it needs; as text, it says so in words.
        None after a fit to an array.

    Notes
    -----
    The notes of `RandomForestClassifier` about tables hold here as well.

    References
    ----------
    Breiman, "Random forests" (2001).
    """

    slice_class: ClassVar[Any] = RegressorSlice
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ensemble.RandomForestRegressor._parameter_constraints,
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "squared_error",
        max_depth: int | None = None,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: str | int | float | None = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        random_state: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: int | float | None = None,
        monotonic_cst: ArrayLike | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            criterion=criterion,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            bootstrap=bootstrap,
            random_state=random_state,
            ccp_alpha=ccp_alpha,
            max_samples=max_samples,
            monotonic_cst=monotonic_cst,
        )
        self.engine = engine

    def predict(self, X: Any) -> Any:
        """Predict numbers: the mean over the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or str or Path or BlockSource
            Features; a path is one to Parquet; of a source, the first array of each block is used.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Predicted numbers.
        """
        if is_table(X):
            return self._predict_table(X, "predict")
        check_is_fitted(self)
        return self._mean(X, "predict") if self.n_outputs_ == 1 else super().predict(X)
