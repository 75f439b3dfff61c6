"""Rows of a large table that fit in memory: they are drawn once, and kept in files beside the table."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from infra.progress import Progress
from infra.settings import usable_cores
from infra.storage import path_of, put, temporary
from tasks.datasets.prepared import PreparedDataset, Target, read_parquet
from tasks.large.masks import RowMask, random_numbers
from tasks.large.row_roles import RowRoles
from tasks.large.table_rows import RowGroup, features_and_target, read_group, row_groups

Part = tuple[pa.Table, npt.NDArray[np.intp]]
"""Rows of a row group, and their numbers in the table."""


@dataclass(frozen=True)
class DrawnRows:
    """Files of the rows that are drawn from a large table.

    Parameters
    ----------
    dataset : PreparedDataset
        The large table.
    seed : int
        Seed of the study.
    """

    dataset: PreparedDataset
    seed: int

    @property
    def roles(self) -> RowRoles:
        """The rows of each role."""
        return RowRoles.of_table(self.dataset, self.seed)

    def held_out(self) -> tuple[pd.DataFrame, Target | None]:
        """Features and target of the rows that no search and no fit sees."""
        return self._read(self.roles.held_out)

    def search_rows(self) -> tuple[pd.DataFrame, Target | None]:
        """Features and target of a search's training rows: the sample, then the rows that score the candidates."""
        return self._read(self.roles.search)

    def sample_numbers(self) -> npt.NDArray[np.intp]:
        """Numbers of the sample's rows in the table, in the order of the sample."""
        numbers = np.flatnonzero(self.roles.sample.of(0, self.dataset.rows))
        return numbers[_random_order(numbers, self.roles.sample)]

    @property
    def sample_size(self) -> int:
        """Number of rows of the sample."""
        return _count(self.roles.sample, self.dataset.rows)

    def draw(self, progress: Progress | None = None) -> None:
        """Read the table once, and write the files that are not there yet.

        Parameters
        ----------
        progress : callable, optional
            Function that is called with the number of row groups that were read, and of all row groups.
        """
        roles = self.roles
        wanted = [roles.held_out, roles.search] if self.dataset.target else [roles.search]
        missing = [mask for mask in wanted if not self._path(mask).is_file()]
        if not missing:
            return
        groups = row_groups(self.dataset)
        drawn: Mapping[RowMask, list[Part]] = {mask: [] for mask in missing}

        def read(group: RowGroup) -> list[Part]:
            return _chosen(self.dataset, group, missing)

        with ThreadPoolExecutor(usable_cores()) as threads:
            for done, parts in enumerate(threads.map(read, groups), 1):
                for mask, part in zip(missing, parts, strict=True):
                    drawn[mask].append(part)
                if progress:
                    progress(done, len(groups))
        for mask, parts in drawn.items():
            self._write(mask, parts)

    def _write(self, mask: RowMask, parts: list[Part]) -> None:
        table = _encoded(pa.concat_tables([table for table, _ in parts]), self.dataset)
        numbers = np.concatenate([numbers for _, numbers in parts])
        order = _random_order(numbers, mask)
        path = self._path(mask)
        path.parent.mkdir(exist_ok=True)
        with temporary(path.parent) as unfinished:
            pq.write_table(table.take(pa.array(order)), unfinished)
            put(unfinished, path)

    def _read(self, mask: RowMask) -> tuple[pd.DataFrame, Target | None]:
        path = self._path(mask)
        if not path.is_file():
            self.draw()
        X, y = _loaded(path, self.dataset.target)
        return X.copy(deep=False), None if y is None else y.copy()

    def _path(self, mask: RowMask) -> Path:
        name = hashlib.sha256(repr((self.dataset.sha256, mask)).encode()).hexdigest()[:16]
        return path_of(self.dataset.path).with_suffix(".drawn") / f"{name}.parquet"


def _random_order(numbers: npt.NDArray[np.intp], mask: RowMask) -> npt.NDArray[np.intp]:
    """Order of rows by the random numbers of the mask's last draw, which puts the sample before other rows."""
    return np.argsort(random_numbers(numbers, mask.draws[-1].seed), kind="stable")


def _plain(table: pa.Table) -> pa.Table:
    """The rows with texts in place of codes into the texts of all rows, which may be many."""
    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(plain, names=table.column_names)


def _encoded(table: pa.Table, dataset: PreparedDataset) -> pa.Table:
    """The rows with their texts as categories."""
    numbers = {*dataset.numeric, dataset.target}
    encoded = [
        column if name in numbers else column.combine_chunks().dictionary_encode()
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(encoded, names=table.column_names)


def _chosen(dataset: PreparedDataset, group: RowGroup, masks: list[RowMask]) -> list[Part]:
    """The rows of each mask in a row group, with their numbers in the table."""
    table = read_group(dataset, group)
    found = [mask.of(group.start, group.stop) for mask in masks]
    return [(_plain(table.filter(pa.array(mask))), np.flatnonzero(mask) + group.start) for mask in found]


@lru_cache(maxsize=8)
def _count(mask: RowMask, rows: int) -> int:
    return mask.count(0, rows)


@lru_cache(maxsize=2)
def _loaded(path: Path, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    return features_and_target(read_parquet(path), target)
