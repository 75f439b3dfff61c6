"""The convolutional network for images: its layers, its training and its files."""

from typing import TYPE_CHECKING, Any

from infra.extras import VISION

if TYPE_CHECKING:
    from tasks.vision.convnet import ConvNetClassifier

__all__ = ["ConvNetClassifier"]


def __getattr__(name: str) -> Any:
    """Import the network when it is asked for, because other modules of this package do not need PyTorch."""
    if name != "ConvNetClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    VISION.require()
    from tasks.vision.convnet import ConvNetClassifier

    return ConvNetClassifier
