"""What is told about the pieces of a table is told once, with the counts of all pieces."""

import pytest

from infra.errors import DataError
from tasks.datasets import novelties
from tasks.datasets.columns.remarks import Clause, Remarks
from tasks.datasets.findings import Findings, Manners, ReadersNote, merged
from tasks.datasets.novelties import NewTexts, Novelties, merged_novelties


def piece(name: str, **remarks: Remarks) -> Findings:
    note = ReadersNote(text="2 comments left out", first=name)
    return Findings(notes=(note,), columns=remarks, novelties=Novelties(rows=10, empty=("a", name)))


def test_notes_words_and_clauses_of_pieces_are_added_up() -> None:
    doubt = {"marks": Clause(text="'1.234' has a thousands mark")}
    first = Remarks(missing={"-": 2, "none": 1}, clauses=doubt)
    found = merged([piece("x", a=first), piece("y", a=Remarks(missing={"none": 4})), piece("z")])
    assert [note.sentence(found.pieces) for note in found.notes] == ["in 3 of 3 pieces: 2 comments left out"]
    assert found.columns["a"].sentences("a", found.pieces) == [
        "a: 5 cells hold 'none' and 2 cells hold '-', now missing",
        "a: '1.234' has a thousands mark (in 1 of 3 pieces)",
    ]
    assert (found.rows, found.novelties.empty) == (30, ("a",))


def test_a_table_in_one_piece_is_told_without_its_piece() -> None:
    found = merged([piece("x", a=Remarks(clauses={"marks": Clause(text="a doubt")}))])
    assert found.notes[0].sentence(found.pieces) == "2 comments left out"
    assert found.columns["a"].sentences("a", found.pieces) == ["a: a doubt"]


def test_new_texts_are_counted_exactly_until_a_piece_has_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelties, "MOST_KEPT", 2)
    one = Novelties(rows=10, texts={"c": NewTexts(rows=6, counts={"u": 3, "v": 2, "w": 1})})
    other = Novelties(rows=5, texts={"c": NewTexts(rows=4, counts={"v": 4})})
    exact, cut = (merged_novelties(found).texts["c"] for found in ([one, other], [one.cut(), other.cut()]))
    assert list(exact.counts.items()) == [("v", 6), ("u", 3), ("w", 1)]
    assert (exact.rows, exact.is_cut) == (10, False)
    assert (cut.rows, cut.is_cut, list(cut.counts)) == (10, True, ["v", "u"])


def test_a_column_that_is_written_in_two_ways_is_refused() -> None:
    manners = Manners()
    manners.add("x", piece("x", a=Remarks(manner="a decimal point")))
    manners.add("y", piece("y"))
    manners.add("z", piece("z", a=Remarks(manner="a decimal point")))
    with pytest.raises(DataError) as caught:
        manners.add("w", piece("w", a=Remarks(manner="a decimal comma")))
    assert str(caught.value) == (
        "column 'a' is written with a decimal point in x and with a decimal comma in w; write the whole column in one "
        "way"
    )
