"""Random forests that Spark MLlib grows from a table too large for a worker, turned into scikit-learn's."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import RandomForestRegressor
from pyspark.sql import DataFrame, SparkSession, functions
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from infra.engines import ParquetSource
from infra.errors import DataError, EngineError, ParameterError
from tasks.ensembles.forest_slices import SEEDS

Array = NDArray[Any]
CRITERIA = {"gini": "gini", "entropy": "entropy", "log_loss": "entropy", "squared_error": "variance"}
"""MLlib's impurities, by scikit-learn's criteria."""
MAX_DEPTH = 30
UNSUPPORTED = (
    "min_samples_split", "max_leaf_nodes", "min_impurity_decrease", "class_weight", "ccp_alpha", "monotonic_cst"
)  # fmt: skip
"""Parameters of scikit-learn's forests without a counterpart in MLlib's."""


def fit_mllib_forest(forest: Any, source: ParquetSource, session: SparkSession) -> Any:
    """Grow a forest by MLlib, and turn it into one of scikit-learn's.

    Parameters
    ----------
    forest : estimator
        Forest with the parameters of scikit-learn's class, and with that class as its `slice_class`.
    source : ParquetSource
        Path, features and target of the table; Spark itself reads it.
    session : SparkSession
        Session of Spark. MLlib hands its trees over in a temporary folder, which all machines of a cluster
        must see.

    Returns
    -------
    fitted forest
        Forest of `slice_class` with MLlib's trees.

    Raises
    ------
    ParameterError
        If MLlib has no counterpart of a parameter's value.
    DataError
        If a value is missing or infinite.
    EngineError
        If Spark fails.
    """
    parameters = mllib_parameters(forest, source.n_rows)
    try:
        rows = _rows(session, source)
        classes = _checked_classes(rows, source, is_classifier(forest))
        model = _estimator(parameters, classes).fit(_features_and_label(rows, source.n_columns, classes))
        nodes = _nodes(model, session)
    except (Py4JError, PySparkException) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(f"Spark MLlib's random forest failed: {lines[0]}") from error
    return _scikit_learn_forest(forest, nodes, classes, source.n_columns)


def mllib_parameters(forest: Any, n_rows: int) -> dict[str, Any]:
    """Translate a forest's parameters to MLlib's names and values.

    Parameters
    ----------
    forest : estimator
        Forest with the parameters of scikit-learn's class.
    n_rows : int
        Number of rows of the table.

    Raises
    ------
    ParameterError
        If MLlib has no counterpart of a parameter's value.
    """
    given, defaults = forest.get_params(deep=False), type(forest)().get_params(deep=False)
    for name in UNSUPPORTED:
        default = defaults.get(name)
        changed = given.get(name) is not None if default is None else given[name] != default
        if changed:
            raise _unsupported(name, given[name], f"only {default!r}")
    if given["criterion"] not in CRITERIA:
        raise _unsupported("criterion", given["criterion"], f"only {', '.join(CRITERIA)}")
    if (given["max_depth"] or 0) > MAX_DEPTH:
        raise _unsupported("max_depth", given["max_depth"], f"at most {MAX_DEPTH}")
    if isinstance(given["min_samples_leaf"], float):
        raise _unsupported("min_samples_leaf", given["min_samples_leaf"], "only a number of rows")
    if given["min_weight_fraction_leaf"] >= 0.5:
        raise _unsupported("min_weight_fraction_leaf", given["min_weight_fraction_leaf"], "less than 0.5")
    share = 1.0 if given["max_samples"] is None else given["max_samples"]
    return {
        "numTrees": given["n_estimators"],
        "impurity": CRITERIA[given["criterion"]],
        "maxDepth": given["max_depth"] or MAX_DEPTH,
        "minInstancesPerNode": given["min_samples_leaf"],
        "minWeightFractionPerNode": given["min_weight_fraction_leaf"],
        "featureSubsetStrategy": _subset(given["max_features"]),
        "bootstrap": given["bootstrap"],
        "subsamplingRate": min(1.0, share if isinstance(share, float) else share / n_rows),
        "seed": int(check_random_state(given["random_state"]).randint(SEEDS)),
    }


def _subset(max_features: str | int | float | None) -> str:
    return "all" if max_features is None or max_features == 1.0 else str(max_features)


def _unsupported(name: str, value: Any, allowed: str) -> ParameterError:
    return ParameterError(
        f"{name}={value!r}: Spark MLlib's random forest, for tables this large, takes {allowed}"
    )


def _rows(session: SparkSession, source: ParquetSource) -> DataFrame:
    """Features as columns x0, x1, ..., rounded to float32 as scikit-learn's trees do, and the column `target`."""
    # like `ParquetSource`: all files at any depth, and no columns from the names of folders
    table = session.read.option("recursiveFileLookup", True).parquet(source.path)
    features = [
        _column(name).cast("float").cast("double").alias(f"x{i}") for i, name in enumerate(source.columns)
    ]
    return table.select(*features, _column(str(source.target)).alias("target"))


def _column(name: str) -> Any:
    return functions.col("`" + name.replace("`", "``") + "`")


def _checked_classes(rows: DataFrame, source: ParquetSource, classifier: bool) -> Array | None:
    """Check the values in one pass over the table; give the sorted classes, or None for a regression."""
    # Spark sorts NaN above all numbers, so that it is not below infinity
    are_finite = [
        functions.min(functions.coalesce(functions.abs(f"x{i}") < float("inf"), functions.lit(False))).alias(
            f"x{i}"
        )
        for i in range(source.n_columns)
    ]
    has_target = functions.min(functions.col("target").isNotNull()).alias("target")
    labels = functions.collect_set("target") if classifier else functions.lit(None)
    found = rows.agg(*are_finite, has_target, labels.alias("labels")).collect()[0]
    for i, name in enumerate(source.columns):
        if not found[f"x{i}"]:
            raise DataError(
                f"{source.path}: column {name!r} has missing or infinite values, which Spark MLlib's random "
                "forest, for tables this large, does not take"
            )
    if not found["target"]:
        raise DataError(f"{source.path}: target column {source.target!r} has missing values")
    return np.unique(np.asarray(found["labels"])) if classifier else None


def _features_and_label(rows: DataFrame, n_columns: int, classes: Array | None) -> DataFrame:
    label: Any = functions.col("target").cast("double")
    if classes is not None:
        known = functions.array(*[functions.lit(value) for value in classes.tolist()])
        label = (functions.array_position(known, functions.col("target")) - 1).cast("double")
    assembler = VectorAssembler(inputCols=[f"x{i}" for i in range(n_columns)], outputCol="features")
    return assembler.transform(rows.withColumn("label", label)).select("features", "label")


def _estimator(parameters: dict[str, Any], classes: Array | None) -> Any:
    if classes is None:
        return RandomForestRegressor(**parameters)
    # pruning would merge leaves with the same majority, although their probabilities differ
    return RandomForestClassifier(**parameters, pruneTree=False)


def _nodes(model: Any, session: SparkSession) -> pd.DataFrame:
    """Nodes of all trees, sorted by tree and by their number in the tree."""
    with TemporaryDirectory() as folder:
        address = f"{Path(folder).as_uri()}/model"
        model.write().save(address)
        node = "nodeData."
        table = session.read.parquet(f"{address}/data").select(
            functions.col("treeID").alias("tree"),
            functions.col(f"{node}id").alias("number"),
            functions.col(f"{node}impurityStats").alias("stats"),
            functions.col(f"{node}rawCount").alias("rows"),
            functions.col(f"{node}leftChild").alias("left"),
            functions.col(f"{node}rightChild").alias("right"),
            functions.col(f"{node}split.featureIndex").alias("feature"),
            functions.get(functions.col(f"{node}split.leftCategoriesOrThreshold"), functions.lit(0)).alias(
                "threshold"
            ),
        )
        found: pd.DataFrame = table.toPandas()
    return found.sort_values(["tree", "number"], ignore_index=True)


def _scikit_learn_forest(forest: Any, nodes: pd.DataFrame, classes: Array | None, n_features: int) -> Any:
    """Scikit-learn's forest with these trees."""
    y = np.zeros(1) if classes is None else classes
    # a fit to one row of each class sets all attributes; then only the trees are replaced
    fitted = forest.slice_class(nodes["tree"].nunique(), bootstrap=False, random_state=0)
    fitted.fit(np.zeros((len(y), n_features), dtype=np.float32), y)
    for tree, (_, own_nodes) in zip(fitted.estimators_, nodes.groupby("tree"), strict=True):
        # a tree of given nodes can only be made from the state in which scikit-learn pickles trees
        make, arguments, state = tree.tree_.__reduce__()
        tree.tree_ = make(*arguments)
        tree.tree_.__setstate__(_tree_state(own_nodes, CRITERIA[forest.criterion], state["nodes"].dtype))
    del fitted._n_samples  # which rows a tree was fitted to is not known
    return fitted


def _tree_state(nodes: pd.DataFrame, impurity: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    left, right = nodes["left"].to_numpy(), nodes["right"].to_numpy()
    stats = np.stack(nodes["stats"].to_list()).astype(np.float64)
    weight, values, impurities = _moments(stats, impurity)
    table = np.zeros(len(nodes), dtype=dtype)
    table["left_child"], table["right_child"] = left, right
    leaf = left < 0
    table["feature"] = np.where(leaf, -2, nodes["feature"])
    table["threshold"] = np.where(leaf, -2.0, nodes["threshold"])
    table["impurity"] = impurities
    table["n_node_samples"] = nodes["rows"]
    table["weighted_n_node_samples"] = weight
    return {
        "max_depth": _depth(left, right),
        "node_count": len(nodes),
        "nodes": table,
        "values": np.ascontiguousarray(values[:, None, :]),
    }


def _moments(stats: Array, impurity: str) -> tuple[Array, Array, Array]:
    """Weight, value and impurity of each node, from the statistics that MLlib keeps of its rows.

    The statistics are the weights of the classes or, for a regression, the sums of weights, values and
    squares. MLlib's own impurity is not used: it is -1 at a leaf for which MLlib found no split.
    """
    if impurity == "variance":
        weight, means, squares = stats[:, 0], stats[:, 1:2] / stats[:, :1], stats[:, 2] / stats[:, 0]
        return weight, means, np.maximum(squares - means[:, 0] ** 2, 0.0)
    weight = stats.sum(axis=1)
    shares = stats / weight[:, None]
    if impurity == "gini":
        return weight, shares, 1 - (shares**2).sum(axis=1)
    return weight, shares, -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(axis=1)


def _depth(left: Array, right: Array) -> int:
    """Number of levels below the root, from the children of each node (negative at a leaf)."""
    depth, level = -1, np.zeros(1, dtype=np.int64)
    while len(level):
        children = np.concatenate([left[level], right[level]])
        level = children[children >= 0]
        depth += 1
    return depth
