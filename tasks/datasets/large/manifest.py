"""The manifest of a folder of parts: what the parts are, and what cleaning did."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.datasets.large.parts import PartRecord, Sum, record_name
from tasks.datasets.prepared import PreparedDataset, digest_of_parts

MANIFEST = "_manifest.json"
"""Name of the manifest; readers of Parquet folders pass over names that begin with `_`."""
FORMAT = 1


class PartsManifest(BaseModel):
    """What a folder of parts holds."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(FORMAT, description="Version of the manifest's format.")
    key: str = Field(
        description="Digest of the source and of the recipe, by which a preparation finds its parts."
    )
    columns: dict[str, str] = Field(
        description="Prepared columns with their types; the target is the last one."
    )
    parts: tuple[PartRecord, ...] = Field(description="One record for each piece of the source.")
    texts: dict[str, tuple[str, ...]] = Field(
        description="The different texts of each column of a few texts, sorted."
    )
    classes: dict[str, int] = Field(description="Number of rows of each class; empty without classes.")
    dataset: PreparedDataset

    @property
    def values(self) -> dict[str, int]:
        """Number of values of each prepared column, in all parts."""
        return {name: sum(part.values[name] for part in self.parts) for name in self.dataset.columns}

    @property
    def sums(self) -> dict[str, Sum]:
        """Sums of the prepared columns of numbers, in all parts."""
        return {
            name: Sum(
                total=sum(part.sums[name].total for part in self.parts),
                size=sum(part.sums[name].size for part in self.parts),
            )
            for name in self.dataset.numeric
        }


def read_manifest(folder: Path) -> PartsManifest | None:
    """The manifest of a folder; None where the folder has none that this version can read."""
    try:
        return PartsManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None


def finished_folder(folder: Path, name: str, key: str) -> Path | None:
    """The folder of parts that an earlier preparation of the same source finished; None where there is none.

    Parameters
    ----------
    folder : Path
        The folder where prepared data are kept.
    name : str
        Beginning of the names of the folders.
    key : str
        Digest of the source and of the recipe.
    """
    for path in sorted(folder.glob(f"{name}-*/{MANIFEST}")):
        found = read_manifest(path.parent)
        if found is not None and found.key == key:
            return path.parent
    return None


def records_in(folder: Path, count: int) -> dict[int, PartRecord]:
    """The records of the parts that are in a folder, by their numbers.

    Parameters
    ----------
    folder : Path
        A folder of parts, finished or not.
    count : int
        Number of pieces of the source.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        return {part.number: part for part in manifest.parts}
    found = {}
    for number in range(count):
        try:
            found[number] = PartRecord.model_validate_json((folder / record_name(number)).read_bytes())
        except (OSError, ValidationError):
            continue
    return found


def digest_of_records(records: Sequence[PartRecord]) -> str:
    """Digest of the data set: of the digests of its parts, in their order."""
    return digest_of_parts([record.sha256 for record in records if record.rows])
