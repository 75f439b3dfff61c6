"""The Prefect flows: the steps of a study and their order."""
