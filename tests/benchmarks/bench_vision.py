"""The convolutional network on ranks, on photographs in time, and the packing of images."""

from tests.benchmarks import vision_decoding, vision_training
from tests.benchmarks.timing import save


def main() -> None:
    """Run all comparisons and save them."""
    save([*vision_training.rows(), *vision_decoding.rows()])


if __name__ == "__main__":
    main()
