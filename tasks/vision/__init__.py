"""Images: reading and packing them, and the network that learns from them."""
