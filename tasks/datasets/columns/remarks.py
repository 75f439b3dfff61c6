"""What is told about a column of new rows, in a form in which the remarks of several pieces of a table are added up."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tasks.datasets.columns.words import in_words


class Clause(BaseModel):
    """A clause that holds for some pieces of a table.

    Parameters
    ----------
    text : str
        The clause of the first of these pieces.
    pieces : int
        Number of the pieces.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    pieces: int = 1


class Remarks(BaseModel):
    """What is guessed about a column of new rows, or is new in it.

    Parameters
    ----------
    missing : dict of str to int
        Number of cells of each word that is taken for a missing value.
    clauses : dict of str to Clause
        How the column was read, by subject, such as an ambiguous decimal mark.
    manner : str
        The way in which the cells are written, in which all pieces of a table must agree, for example "a decimal
        comma"; empty if the cells do not show it.
    """

    model_config = ConfigDict(frozen=True)

    missing: dict[str, int] = {}
    clauses: dict[str, Clause] = {}
    manner: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell or to compare."""
        return not (self.missing or self.clauses or self.manner)

    def sentences(self, column: str, pieces: int) -> list[str]:
        """The remarks as sentences about a column of a table in a number of pieces."""
        told = [f"{column}: {in_words(self.missing)}, now missing"] if self.missing else []
        for clause in self.clauses.values():
            some = f" (in {clause.pieces:,} of {pieces:,} pieces)" if clause.pieces < pieces else ""
            told.append(f"{column}: {clause.text}{some}")
        return told


def merged_remarks(found: Sequence[Remarks]) -> Remarks:
    """The remarks on a column in several pieces as one: words are added up, and clauses are counted."""
    missing: Counter[str] = Counter()
    clauses: dict[str, Clause] = {}
    for one in found:
        missing.update(one.missing)
        for subject, clause in one.clauses.items():
            before = clauses.get(subject, Clause(text=clause.text, pieces=0))
            clauses[subject] = Clause(text=before.text, pieces=before.pieces + clause.pieces)
    manner = next((one.manner for one in found if one.manner), "")
    return Remarks(missing=dict(missing), clauses=clauses, manner=manner)
