"""The kernels of the clusterings are compiled before anything is measured."""

import sys
from itertools import product
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from infra.engines.local import LocalEngine
from infra.study_folder import StudyFolder
from tasks.algorithms.base import ModelOptions
from tasks.cell_request import CellRequest
from tasks.cells import run_cell
from tasks.compiling import compile_kernels
from tasks.datasets.catalogue import resolve
from tasks.registry import algorithms_for
from tests.tasks.preparing import prepare


def compiled() -> set[str]:
    """Kernels of clustering that this process has, each with the types of its arguments."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("tasks.clustering")]
    return {
        f"{module.__name__}.{name}{signature}"
        for module in modules
        for name, kernel in vars(module).items()
        if isinstance(kernel, Dispatcher)
        for signature in kernel.signatures
    }


def test_cells_call_no_kernel_that_is_not_compiled(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i * i % 11},{i % 13},{i % 3}" for i in range(400)]
    wide = tmp_path / "wide.csv"
    wide.write_text("\n".join(["a,b,c,d", *rows]))
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("\n".join(["a,b", *(row.rpartition(",")[0].rpartition(",")[0] for row in rows)]))
    datasets = [prepare(resolve(str(path)), tmp_path / "data") for path in (wide, narrow)]
    compile_kernels()
    before = compiled()
    assert len(before) > 40
    cells = product(datasets, algorithms_for("clustering"), ("baseline", "grid", "random"))
    with LocalEngine(2) as engine:
        for dataset, algorithm, search in cells:
            request = CellRequest(
                dataset=dataset,
                algorithm=algorithm.name,
                engine=engine.name,
                search=search,
                options=ModelOptions(seed=0),
                folds=5,
                candidates=4,
                workers=engine.workers,
                folder=StudyFolder(home=tmp_path, id="study"),
            )
            run_cell(request, engine)
    assert compiled() == before
