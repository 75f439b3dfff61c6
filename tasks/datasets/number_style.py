"""The styles in which people write numbers: decimal and thousands marks, and units."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mark = Literal[".", ","]


class NumberStyle(BaseModel):
    """The way in which the numbers of a column are written."""

    model_config = ConfigDict(frozen=True)

    decimal: Mark = Field(".", description="Mark before the decimals.")
    thousands: Literal["", ",", ".", " ", "'"] = Field("", description="Mark between groups of digits.")
    unit: str = Field("", description="Currency, percent sign or unit that stands beside the numbers.")
    is_scaled: bool = Field(False, description="Whether letters such as k and M multiply the number.")

    @property
    def grammar(self) -> str:
        """Regular expression of the digits of a number."""
        point = re.escape(self.decimal)
        plain = rf"\d+({point}\d*)?|{point}\d+"
        if not self.thousands:
            return f"^({plain})$"
        mark = re.escape(self.thousands)
        groups = rf"[1-9]\d{{0,2}}({mark}\d{{3}})+({point}\d*)?"
        if self.thousands == ",":  # Indian numbers have groups of two digits before the last group
            groups += rf"|[1-9]\d?(,\d{{2}})+,\d{{3}}({point}\d*)?"
        return f"^({groups}|{plain})$"


STYLES = tuple(
    NumberStyle(decimal=decimal, thousands=thousands)
    for decimal, thousands in (
        (".", ""),
        (",", ""),
        (".", ","),
        (",", "."),
        *((d, t) for t in " '" for d in ".,"),
    )
)
