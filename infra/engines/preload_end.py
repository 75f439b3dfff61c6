"""The last module that the process which Dask forks workers from imports: its import ends the imports to be kept."""

from infra.importing import end_imports

end_imports()
