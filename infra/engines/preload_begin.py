"""The first module that the process which Dask forks workers from imports: its import begins the imports to be kept."""

from infra.importing import begin_imports

begin_imports()
