"""A small convolutional network with scikit-learn's manners, on one process, Dask and Spark."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import ParameterError
from tasks.vision.checkpoints import Checkpoints
from tasks.vision.fitting import Fit, checkpoints_of, chosen_device
from tasks.vision.network import Architecture, ConvNet, loaded
from tasks.vision.parallel import fitted_together
from tasks.vision.pictures import InFolder, InMemory, labelled, opened
from tasks.vision.training import Callback, Recipe, own_threads, threads

PREDICTED_AT_ONCE = 256


class ConvNetClassifier(ClassifierMixin, BaseEstimator):
    """A small convolutional network for pictures of two or more classes.

    Pictures are best of about 32 x 32 pixels; larger ones are first halved, or more, by the first layer.

    Parameters
    ----------
    width : int, default=64
        Channels of the first of three blocks; the others have two and four times as many.
    depth : int, default=2
        Convolutions of a block, at least 2.
    epochs : int, default=80
        Of the schedule of the learning rate, which rises in the first fifth and falls in the others.
    stop_epoch : int or None, default=None
        Stop after so many epochs of the schedule. A later fit with more of them and the same `checkpoints`
        goes on from there.
    learning_rate : float, default=0.2
        At its peak, for SGD with Nesterov momentum 0.9.
    weight_decay : float, default=5e-4
        Of filters and matrices, not of biases and batch normalisation.
    batch_size : int, default=128
        Of which an epoch has as many as are full.
    batch_groups : int, default=2
        Parts of a batch, each normalised by itself. They are also what several ranks share out.
    label_smoothing : float in [0, 1), default=0.1
    augmentation : float, default=1.0
        Strength of the changes of training pictures: shifts, scale, rotation, light, a blank square; 0: none, and
        no mirroring either.
    mixup : float, default=0.0
        Parameter of the beta distribution by which pairs of pictures are mixed; 0: none.
    ema_decay : float in [0, 1), default=0.99
        Of the moving average of the weights, by step, which predicts.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of convolutions and matrix products in training; "auto": bfloat16 where the GPU or the processor has
        instructions for it, float32 elsewhere. Predictions are made in float32.
    random_state : int, RandomState instance or None, default=None
        None means 0.
    device : {"auto", "cpu", "cuda"}, default="auto"
        "auto": a GPU where the process sees one.
    n_jobs : int, default=1
        Threads of a fit in one process, which share out the groups of a batch, and of predictions. With the
        engine "local" its workers are the threads of a fit.
    n_shards : int or None, default=None
        Ranks: workers of the engine that share the training, one thread each; None: as many as there are workers
        and groups of a batch.
    checkpoints : str, Path or None, default=None
        Folder for the state after each epoch. A fit with the same parameters and data goes on from the last one.
        On an engine of several machines it must be on storage that they share.
    callbacks : sequence, default=()
        Objects with a method `on_epoch(epoch, metrics)`, called after each epoch, by the first rank in its process.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    history_ : list of dict
        Of each epoch: `loss` and `accuracy` on the training batches as they came, `learning_rate` of the last
        step, `seconds`, `images_per_second`.
    n_shards_ : int
        Ranks that shared the training.
    device_ : str
        On which it took place.
    n_iter_ : int
        Epochs that were trained.
    image_shape_ : tuple of int
        Height, width and 3.
    weights_ : dict of str to ndarray
        Of the network, float32.

    Notes
    -----
    A seed gives the same weights bit for bit on the same kind of processor, with any number of threads or ranks
    up to two. More of them add up the groups of a batch in another order, and more threads than groups share
    the sums of a group: the same loss curve but for rounding. Of an engine one thread a group is used at most.

    Batch statistics are those of a group of a batch (ghost batches), whatever the number of ranks, so no statistics
    have to be synchronised.

    References
    ----------
    Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024); Hoffer, Hubara and Soudry, "Train longer,
    generalize better" (2017).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 2, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "stop_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "batch_groups": [Interval(Integral, 1, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "augmentation": [Interval(Real, 0, None, closed="left")],
        "mixup": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "device": [StrOptions({"auto", "cpu", "cuda"})],
        "n_jobs": [Interval(Integral, 1, None, closed="left")],
        "n_shards": [Interval(Integral, 1, None, closed="left"), None],
        "checkpoints": [str, Path, None],
        "callbacks": [tuple, list],
        "engine": [Engine, None],
    }

    def __init__(
        self,
        width: int = 64,
        *,
        depth: int = 2,
        epochs: int = 80,
        stop_epoch: int | None = None,
        learning_rate: float = 0.2,
        weight_decay: float = 5e-4,
        batch_size: int = 128,
        batch_groups: int = 2,
        label_smoothing: float = 0.1,
        augmentation: float = 1.0,
        mixup: float = 0.0,
        ema_decay: float = 0.99,
        precision: str = "auto",
        random_state: Any = None,
        device: str = "auto",
        n_jobs: int = 1,
        n_shards: int | None = None,
        checkpoints: str | Path | None = None,
        callbacks: tuple[Callback, ...] | list[Callback] = (),
        engine: Engine | None = None,
    ) -> None:
        self.width = width
        self.depth = depth
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.batch_groups = batch_groups
        self.label_smoothing = label_smoothing
        self.augmentation = augmentation
        self.mixup = mixup
        self.ema_decay = ema_decay
        self.precision = precision
        self.random_state = random_state
        self.device = device
        self.n_jobs = n_jobs
        self.n_shards = n_shards
        self.checkpoints = checkpoints
        self.callbacks = callbacks
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : ndarray of shape (n_samples, height, width, 3), uint8, or path of a folder of packed images
            At least 8 x 8 pixels each. A memory-mapped array is read batch by batch.
        y : array-like of shape (n_samples,), optional with a folder
            Labels of any kind, of at least two classes; default: those of the folder.

        Raises
        ------
        ParameterError
            If `X` or `y` is not as described, or more ranks are asked for than there are workers or groups of
            a batch, or a GPU where there is none.
        DataError
            If the folder or a checkpoint cannot be read.
        EngineError
            If workers are lost again and again.
        """
        ranks = self._ranks()
        until = self.epochs if self.stop_epoch is None else self.stop_epoch
        if until > self.epochs:
            raise ParameterError(f"stop_epoch={until}: at most {self.epochs}, the epochs of the schedule")
        pictures, pixels, self.classes_ = labelled(X, y)
        architecture = Architecture(
            pixels.shape[1], pixels.shape[2], len(self.classes_), int(self.width), int(self.depth)
        )
        recipe = self._recipe()
        checkpoints = self._checkpoints(pictures, architecture, recipe)
        shared = self.engine if self._shared() else None
        members, threads = (ranks, 1) if shared else self._threads()
        fit = Fit(architecture, recipe, int(until), self.device, threads, tuple(self.callbacks), checkpoints)
        with own_threads(), nullcontext(shared) if shared else LocalEngine(members) as engine:
            found = fitted_together(engine, pictures, members, fit)
        self.weights_, self.history_, self.device_ = found.weights, found.history, found.device
        self.architecture_, self.n_shards_, self.n_iter_ = architecture, ranks, len(found.history)
        self.image_shape_ = tuple(pixels.shape[1:])
        return self

    def _threads(self) -> tuple[int, int]:
        """Of a fit in one process: threads that share out the groups of a batch, and threads that each of them has."""
        threads = self.n_jobs if self.engine is None else self.engine.workers
        members = 1 if chosen_device(self.device).type == "cuda" else min(threads, self.batch_groups)
        return members, threads // members if self.engine is None else 1

    def _shared(self) -> bool:
        """Whether the training takes place on the workers of an engine."""
        return self.engine is not None and self.engine.name != "local"

    def _ranks(self) -> int:
        workers = self.engine.workers if self.engine is not None and self._shared() else 1
        if self.n_shards is None:
            return min(workers, self.batch_groups)
        if self.n_shards > workers:
            raise ParameterError(
                f"n_shards={self.n_shards}: at most {workers}, the worker processes of the engine"
            )
        if self.n_shards > self.batch_groups:
            raise ParameterError(
                f"n_shards={self.n_shards}: at most {self.batch_groups}, the groups of a batch (batch_groups)"
            )
        return self.n_shards

    def _recipe(self) -> Recipe:
        seed = 0 if self.random_state is None else self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        return Recipe(
            int(self.epochs),
            float(self.learning_rate),
            float(self.weight_decay),
            int(self.batch_size),
            int(self.batch_groups),
            float(self.label_smoothing),
            float(self.augmentation),
            float(self.mixup),
            float(self.ema_decay),
            int(seed),
            self.precision,
        )

    def _checkpoints(
        self, pictures: InMemory | InFolder, architecture: Architecture, recipe: Recipe
    ) -> Checkpoints | None:
        if self.checkpoints is None:
            return None
        folder = Path(self.checkpoints).expanduser().absolute()
        return checkpoints_of(folder, architecture, recipe, pictures.digest(), pictures.codes)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probability of each class, in the order of `classes_`; float32, shape (n_samples, n_classes).

        Unless `augmentation` is 0, it is the mean over the picture and its mirror image.

        Parameters
        ----------
        X : as in `fit`

        Raises
        ------
        ParameterError
            If the pictures are not of the shape that the network was trained on.
        """
        check_is_fitted(self, "weights_")
        pixels, _ = opened(X)
        if pixels.shape[1:] != self.image_shape_:
            raise ParameterError(
                f"X: pictures of shape {pixels.shape[1:]}; the network was trained on {self.image_shape_}"
            )
        device = chosen_device(self.device)
        network = loaded(self.architecture_, self.weights_).to(device)
        device = network.mean.device  # with its number, which threads do not share
        parts = np.split(pixels, range(PREDICTED_AT_ONCE, len(pixels), PREDICTED_AT_ONCE))
        with own_threads(), ThreadPoolExecutor(self.n_jobs if device.type == "cpu" else 1) as pool:
            found = list(pool.map(lambda part: self._predicted(network, part, device), parts))
        return np.concatenate(found)

    def _predicted(
        self, network: ConvNet, pixels: NDArray[np.uint8], device: torch.device
    ) -> NDArray[np.float32]:
        with threads(1), torch.inference_mode():
            x = network.normalised(torch.from_numpy(pixels.copy()).to(device))
            views = [x, x.flip(3)] if self.augmentation > 0 else [x]
            shares = torch.stack([network(view).softmax(1) for view in views]).mean(0)
        return shares.cpu().numpy()

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable class of each picture; shape (n_samples,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])
