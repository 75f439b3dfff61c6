"""A small convolutional network as an estimator of scikit-learn, on one process, Dask and Spark."""

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
from tasks.vision.fitting import TrainingSpec, checkpoints_for, chosen_device
from tasks.vision.inputs import TrainingImages, open_images, training_images
from tasks.vision.network import Architecture, ConvNet, trained_network
from tasks.vision.parallel import train_on_ranks
from tasks.vision.training import Callback, TrainingParameters, restored_torch_threads, torch_threads

PREDICTION_BATCH = 256


class ConvNetClassifier(ClassifierMixin, BaseEstimator):
    """A small convolutional network that classifies images.

    It is made for images of about 32 x 32 pixels. The first layer reduces larger images by a whole factor.

    Parameters
    ----------
    width : int, default=64
        Number of channels of the first of three blocks. The second block has twice, the third four times as many.
    depth : int, default=2
        Number of convolutions of each block, at least 2.
    epochs : int, default=80
        Number of epochs of the learning rate's schedule. The learning rate rises linearly in the first fifth of
        the epochs and falls linearly in the others.
    stop_epoch : int or None, default=None
        Number of epochs after which the training stops; None: at the end of the schedule. A later fit with a
        larger number and the same `checkpoints` resumes the training.
    learning_rate : float, default=0.2
        Largest learning rate of the schedule, for SGD with Nesterov momentum 0.9.
    weight_decay : float, default=5e-4
        Weight decay of filters and matrices. Biases and batch normalisation have none.
    batch_size : int, default=128
        Number of images in a batch. An epoch leaves out the images that do not fill a batch.
    batch_groups : int, default=2
        Number of groups into which a batch is cut. Each group is normalised by its own statistics. The groups are
        also what several ranks or threads distribute among themselves.
    label_smoothing : float in [0, 1), default=0.1
        Share of the target probability that is spread evenly over all classes.
    augmentation : float, default=1.0
        Strength of the random transformations of training images: shift, scale, rotation, brightness and a blank
        square. 0 turns them off, and mirroring too.
    mixup : float, default=0.0
        Parameter of the beta distribution from which the shares of mixed pairs of images are drawn; 0: images are
        not mixed.
    ema_decay : float in [0, 1), default=0.99
        Decay, at each step, of the exponential moving average of the weights, with which predictions are made.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of convolutions and matrix products in training. "auto" is bfloat16 if the GPU or the processor
        has instructions for it, else float32. Predictions are made in float32.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, order and augmentation; None means 0.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Device of training and predictions. "auto" is a GPU if the process sees one, else the CPU.
    n_jobs : int, default=1
        Number of threads of predictions and of a fit in one process, which distribute the groups of a batch among
        themselves. With the engine "local", its workers are the threads of a fit.
    n_shards : int or None, default=None
        Number of ranks: workers of the engine that share the training, each with one thread. None: the number of
        workers or of groups of a batch, whichever is smaller.
    checkpoints : str, Path or None, default=None
        Path of a folder where the state of the training is written after each epoch. A fit with the same
        parameters and data resumes from the last state. On an engine of several machines the folder must be on
        storage that they share.
    callbacks : sequence, default=()
        Objects with a method `on_epoch(epoch, metrics)`, which the first rank calls in its process after each epoch.
    engine : Engine, optional
        Engine whose workers share the training, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted.
    history_ : list of dict
        Metrics of each epoch: `loss` and `accuracy` on the augmented training images, `learning_rate` of the last
        step, `seconds`, `images_per_second`.
    n_shards_ : int
        Number of ranks that shared the training.
    device_ : str
        Device on which the network was trained.
    n_iter_ : int
        Number of epochs that were trained.
    image_shape_ : tuple of int
        Height and width of the images in pixels, and 3.
    weights_ : dict of str to ndarray
        Weights and batch statistics of the network by name, float32.

    Notes
    -----
    A seed gives the same weights bit for bit on the same kind of processor, with one or two threads or ranks. Three
    or more add the gradients of the groups of a batch in another order, and if there are more threads than groups,
    several threads share the sums of a group: then the loss curve is the same except for rounding. On an engine, at
    most one thread for each group is used.

    Batch statistics are those of a group (ghost batches), whatever the number of ranks, so that the ranks need not
    synchronise them.

    References
    ----------
    Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024); Hoffer, Hubara and Soudry, "Train longer,
    generalize better" (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from tasks.vision import ConvNetClassifier
    >>> X = np.random.default_rng(0).integers(0, 128, (80, 8, 8, 3), dtype=np.uint8)
    >>> X[40:] += 128
    >>> y = np.repeat(["dark", "light"], 40)
    >>> model = ConvNetClassifier(8, epochs=5, batch_size=16).fit(X, y)
    >>> model.image_shape_
    (8, 8, 3)
    >>> model.predict(X[[0, 79]]).tolist()
    ['dark', 'light']
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
            Images of at least 8 x 8 pixels. A memory-mapped array is read batch by batch.
        y : array-like of shape (n_samples,), optional with a folder
            Labels of at least two classes, numbers or texts; default: the labels of the folder.

        Returns
        -------
        ConvNetClassifier
            This estimator.

        Raises
        ------
        ParameterError
            If `X` or `y` is not as described, if there are fewer workers or groups of a batch than ranks, or if a
            GPU is asked for and there is none.
        DataError
            If the folder or a checkpoint cannot be read.
        EngineError
            If workers are lost at every try.
        """
        ranks = self._ranks()
        until = self.epochs if self.stop_epoch is None else self.stop_epoch
        if until > self.epochs:
            raise ParameterError(f"stop_epoch={until}: at most {self.epochs}, the epochs of the schedule")
        images, pixels, self.classes_ = training_images(X, y)
        architecture = Architecture(
            height=pixels.shape[1],
            width=pixels.shape[2],
            classes=len(self.classes_),
            channels=int(self.width),
            depth=int(self.depth),
        )
        parameters = self._training_parameters()
        cluster = self._cluster()
        members, threads = (ranks, 1) if cluster else self._threads()
        spec = TrainingSpec(
            architecture=architecture,
            parameters=parameters,
            until=int(until),
            device=self.device,
            threads=threads,
            callbacks=tuple(self.callbacks),
            checkpoints=self._checkpoints(images, architecture, parameters),
        )
        with restored_torch_threads(), nullcontext(cluster) if cluster else LocalEngine(members) as engine:
            network = train_on_ranks(engine, images, members, spec)
        self.weights_, self.history_, self.device_ = network.weights, network.history, network.device
        self.architecture_, self.n_shards_, self.n_iter_ = architecture, ranks, len(network.history)
        self.image_shape_ = tuple(pixels.shape[1:])
        return self

    def _cluster(self) -> Engine | None:
        """The engine whose worker processes share the training; None if threads of this process do."""
        return None if self.engine is None or self.engine.in_this_process else self.engine

    def _threads(self) -> tuple[int, int]:
        """Number of ranks, and number of threads of each rank, in a fit in one process."""
        threads = self.n_jobs if self.engine is None else self.engine.workers
        members = 1 if chosen_device(self.device).type == "cuda" else min(threads, self.batch_groups)
        return members, threads // members if self.engine is None else 1

    def _ranks(self) -> int:
        """Number of ranks that share the training."""
        cluster = self._cluster()
        workers = cluster.workers if cluster else 1
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

    def _training_parameters(self) -> TrainingParameters:
        seed = 0 if self.random_state is None else self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        return TrainingParameters(
            epochs=int(self.epochs),
            learning_rate=float(self.learning_rate),
            weight_decay=float(self.weight_decay),
            batch_size=int(self.batch_size),
            batch_groups=int(self.batch_groups),
            label_smoothing=float(self.label_smoothing),
            augmentation=float(self.augmentation),
            mixup=float(self.mixup),
            ema_decay=float(self.ema_decay),
            seed=int(seed),
            precision=self.precision,
        )

    def _checkpoints(
        self, images: TrainingImages, architecture: Architecture, parameters: TrainingParameters
    ) -> Checkpoints | None:
        if self.checkpoints is None:
            return None
        folder = Path(self.checkpoints).expanduser().absolute()
        return checkpoints_for(folder, architecture, parameters, images.digest, images.codes)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Predict the probability of each class.

        The probabilities are the mean over the image and its mirror image, unless `augmentation` is 0.

        Parameters
        ----------
        X : ndarray of shape (n_samples, height, width, 3), uint8, or path of a folder of packed images
            Images of the shape that the network was trained on.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float32
            Probabilities, with the classes in the order of `classes_`.

        Raises
        ------
        ParameterError
            If the images have another shape.
        """
        check_is_fitted(self, "weights_")
        pixels, _ = open_images(X)
        if pixels.shape[1:] != self.image_shape_:
            raise ParameterError(
                f"X: images of shape {pixels.shape[1:]}; the network was trained on {self.image_shape_}"
            )
        device = chosen_device(self.device)
        network = trained_network(self.architecture_, self.weights_).to(device)
        device = (
            network.mean.device
        )  # names the GPU by number, because other threads may have another current GPU
        batches = np.split(pixels, range(PREDICTION_BATCH, len(pixels), PREDICTION_BATCH))
        with restored_torch_threads(), ThreadPoolExecutor(self.n_jobs if device.type == "cpu" else 1) as pool:
            found = list(pool.map(lambda batch: self._predict_batch(network, batch, device), batches))
        return np.concatenate(found)

    def _predict_batch(
        self, network: ConvNet, pixels: NDArray[np.uint8], device: torch.device
    ) -> NDArray[np.float32]:
        with torch_threads(1), torch.inference_mode():
            x = network.normalised(torch.from_numpy(pixels.copy()).to(device))
            views = [x, x.flip(3)] if self.augmentation > 0 else [x]
            mean = torch.stack([network(view).softmax(1) for view in views]).mean(0)
        probabilities: NDArray[np.float32] = mean.cpu().numpy()
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class of each image.

        Parameters
        ----------
        X : ndarray of shape (n_samples, height, width, 3), uint8, or path of a folder of packed images
            Images of the shape that the network was trained on.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])
