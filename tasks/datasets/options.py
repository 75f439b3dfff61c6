"""What the user says about the reading of a table; everything that is not said is decided by the table's values."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RareClasses = Literal["refuse", "merge", "leave-out"]
DecimalMark = Literal["auto", "point", "comma"]
DateOrder = Literal["auto", "day-first", "month-first"]


class ReadingOptions(BaseModel):
    """What the user says about the reading of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    no_header: bool = Field(
        False,
        description="Whether the first row of the file holds values and no names of columns; the columns are then "
        "called `column 1`, `column 2`, and so on.",
    )
    decimal_mark: DecimalMark = Field(
        "auto",
        description="Decimal mark of numbers that can be read in two ways, such as 2.332; auto: the values of the "
        "column and of the other columns decide.",
    )
    date_order: DateOrder = Field(
        "auto",
        description="Order of day and month in dates that can be read in two ways, such as 03/04/2024; auto: the "
        "values of the column decide.",
    )
    missing: tuple[str, ...] = Field(
        (), description="Texts and numbers that mean that a cell has no value, besides the usual ones."
    )
    keep_column: tuple[str, ...] = Field(
        (),
        description="Columns to learn from although they look like row numbers, like a copy of the target, like "
        "columns that hold a number for 'missing', or like codes with zeros ahead, which are numbers then.",
    )
    rare_classes: RareClasses = Field(
        "refuse",
        description="What is done with classes that have too few rows for the folds: refuse the table, merge these "
        "classes into one, or leave their rows out.",
    )

    @property
    def day_first(self) -> bool | None:
        """Whether the day comes before the month; None if the user does not say."""
        return {"auto": None, "day-first": True, "month-first": False}[self.date_order]


def described(name: str) -> str:
    """Description of an option, which the flags of the command and the fields of the form show too."""
    return str(ReadingOptions.model_fields[name].description)
