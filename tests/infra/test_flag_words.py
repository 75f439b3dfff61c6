"""Words after a flag, as a person would have to write them."""

import pytest

from infra.flag_words import is_bracketed, one_word, with_flag


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["a", "b c"], "a,b c"),
        (["-999", "null"], "-999,null"),
        (["weight, kg"], '["weight, kg"]'),
        ([" "], '[" "]'),
        (["[x]", "a\\b"], "[x],a\\b"),
        (['["a"]'], '["["a"]"]'),
        ([""], ""),
    ],
)
def test_words_are_joined_by_commas_if_they_allow_it(words: list[str], value: str) -> None:
    assert one_word(words) == value


def test_the_way_to_split_decides() -> None:
    assert one_word(["a,b.csv"], split=lambda value: [value]) == "a,b.csv"


def test_a_value_that_begins_with_a_dash_is_joined_to_its_flag() -> None:
    assert with_flag("--missing", "-999") == ["--missing=-999"]
    assert with_flag("--missing", "n/a") == ["--missing", "n/a"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [('["a, b", "c"]', True), ('[ "a" ]', True), ("[a]", False), ("[]", False), ('["a"].csv', False)],
)
def test_a_list_has_quotes_and_brackets(value: str, expected: bool) -> None:
    assert is_bracketed(value) is expected
