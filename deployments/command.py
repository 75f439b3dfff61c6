"""The entry point of the `trilla` command."""

from infra.importing import kept_imports


def main() -> None:
    """Import the command line and run the command."""
    with kept_imports():
        from deployments.cli import main as run
    run()
