"""The presentation of a study's results: in the terminal, as one HTML file, and as Prefect artifacts."""
