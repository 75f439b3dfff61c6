"""Long texts and long lists are cut to what a person reads."""

from infra.readable import listed, shortened


def test_a_long_text_is_cut_and_stands_in_one_line() -> None:
    assert shortened("a\n b") == "a b"
    assert shortened("x" * 100_000) == "x" * 40 + "..."


def test_a_long_list_names_the_first_and_counts_the_others() -> None:
    assert listed(["a", "b"], mark="'") == "'a', 'b'"
    names = [f"g{i}" for i in range(20_531)]
    assert listed(names) == ", ".join(names[:20]) + " and 20,511 more"
    assert listed(["x" * 100_000, "y"]) == "x" * 40 + "..., y"
