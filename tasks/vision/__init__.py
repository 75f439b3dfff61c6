"""Images: reading and packing them, and the network that learns from them."""

from tasks.vision.convnet import ConvNetClassifier

__all__ = ["ConvNetClassifier"]
