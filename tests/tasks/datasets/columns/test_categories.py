"""Columns of texts: their kind by the number of different texts, and the sentence that tells what texts become."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.datasets.catalogue import Source
from tasks.datasets.columns import TrainingColumn, learn_column
from tasks.datasets.raw import RawColumn

PATH = Path("shops.csv")


def training(texts: list[str]) -> TrainingColumn:
    raw = RawColumn("shop", pa.chunked_array([pa.array(texts)]), PATH, lambda row: f"line {row + 2}")
    return TrainingColumn(raw, np.ones(len(texts), bool), Source("shops", PATH, "classification", "y"))


@pytest.mark.parametrize(
    ("different", "kind", "told"),
    [
        (50, "category", []),
        (51, "many values", ["each text becomes the mean target of its rows"]),
        (100, "many values", ["each text becomes the mean target of its rows"]),
        (101, "text", ["texts become the words and groups of letters that go with the target"]),
    ],
)
def test_what_texts_become_is_told_where_a_reader_cannot_guess_it(
    different: int, kind: str, told: list[str]
) -> None:
    column = training([f"shop {'abcdefghij'[i % different % 10]} {i % different}" for i in range(200)])
    learned = learn_column(column)
    assert learned.kind == kind
    notes = learned.notes(column)
    assert len(notes) == len(told)
    assert all(note.startswith(f"shop: {start}") for note, start in zip(notes, told, strict=True))
