"""How a study's results are shown: in the terminal, as one HTML file, and as Prefect artifacts."""
