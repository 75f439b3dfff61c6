"""The algorithms that a study compares, one module each; `tasks.registry` lists them."""
