"""Images: reading and packing them, and the network that learns from them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.vision.convnet import ConvNetClassifier

__all__ = ["ConvNetClassifier"]


def __getattr__(name: str) -> Any:
    """Import the network when it is asked for: whoever only reads images need not wait for PyTorch."""
    if name != "ConvNetClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tasks.vision.convnet import ConvNetClassifier

    return ConvNetClassifier
