"""The module that the process which Dask forks workers from imports when it starts: the import is the preloading."""

from infra.engines.preloading import preload

preload()
