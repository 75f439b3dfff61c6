"""Names of months and of weekdays in seven languages, with their abbreviations."""

import unicodedata
from collections.abc import Iterable, Mapping

MONTHS = (
    "January February March April May June July August September October November December",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "Jänner Feber Maerz April Mai Juni Juli August September Oktober November Dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
)
WEEKDAYS = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonnabend Sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "segunda terça quarta quinta sexta sábado domingo",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
)
SHORTEST_MONTH = 3  # smallest number of letters of an abbreviation
SHORTEST_WEEKDAY = 2


def plain(word: str) -> str:
    """A word in small letters without accents."""
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _months() -> Mapping[str, int]:
    """Number of the month of each name and abbreviation; an abbreviation of two months is left out."""
    numbers: dict[str, set[int]] = {}
    for names in MONTHS:
        for number, name in enumerate(names.split(), start=1):
            for short in _abbreviations(name, SHORTEST_MONTH):
                numbers.setdefault(short, set()).add(number)
    return {short: min(found) for short, found in numbers.items() if len(found) == 1}


def _abbreviations(name: str, shortest: int) -> Iterable[str]:
    word = plain(name)
    return (word[:length] for length in range(shortest, len(word) + 1))


MONTH_NUMBERS = _months()
"""Number (1 to 12) of each name of a month, in small letters without accents."""
WEEKDAY_WORDS = frozenset(
    short for names in WEEKDAYS for name in names.split() for short in _abbreviations(name, SHORTEST_WEEKDAY)
)
"""Names of weekdays, in small letters without accents."""
