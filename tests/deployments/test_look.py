"""`trilla look` as a person uses it: in the terminal, as a page, and for a program."""

import json
import re
import shlex
from pathlib import Path

import pytest

from deployments.cli import main
from tests.tasks.datasets.images import image_files

ROWS = 60
WORDS = {30: "oops", 31: "ops", 32: "op"}
MIXED = "\n".join(
    [
        "id,signed up,age,weight: dry,colour,remark,same,rating,churn",
        *(
            f"{i},{1 + i % 28:02d}.0{1 + i // 28}.2024,{i % 9 or ''},{i % 7}.5 kg,{'rgb'[i % 3]},"
            f"call {i} of customer {i * 7 % 61},x,{-999 if i % 20 == 3 else i % 5},{'left' if i % 4 else 'stays'}"
            for i in range(ROWS)
        ),
    ]
)
FILES = {
    "mixed.csv": MIXED,
    "numbers.csv": "a,y\n" + "".join(f"{i % 7},{i * 1.25}\n" for i in range(ROWS)),
    "faulty.csv": "bad,a,y\n" + "".join(f"{WORDS.get(i, i)},{i % 7},{'pq'[i % 2]}\n" for i in range(ROWS)),
    "nameless.csv": ",a,y\n" + "".join(f"{i},{i % 7},{'pq'[i % 2]}\n" for i in range(ROWS)),
    "ragged.csv": "a,b,y\n1,2,p\n1,2\n" + "1,2,q\n" * 30,
    "my table.csv": "a b,y\n" + "".join(f"{i % 7},{'pq'[i % 2]}\n" for i in range(ROWS)),
    "wide.csv": ",".join(f"c{j}" for j in range(99))
    + ",y\n"
    + "".join(
        ",".join(str((i * 7 + j * 3) % 11) for j in range(99)) + f",{'pq'[i % 2]}\n" for i in range(ROWS)
    ),
}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))


def looked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The output of a look at data that a study would take; nothing is kept."""
    main(["look", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert not Path("home").exists()
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """The output and the sentence of a look at data that a study would refuse."""
    with pytest.raises(SystemExit) as ended:
        main(["look", *arguments])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.err.startswith("trilla: ")
    assert captured.err.count("\n") == 1
    return captured.out, captured.err


def row(output: str, name: str) -> list[str]:
    """The cells of a column's first line in the terminal's table."""
    line = next(line for line in output.splitlines() if line.startswith(f"{name}  "))
    return re.split(r" {2,}", line.strip())


def test_each_column_is_shown_with_its_kind_examples_counts_and_notes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = looked(capsys, "mixed.csv", "--target", "churn", "--missing=-999")
    assert output.startswith("mixed: 60 rows, 9 columns\n")
    assert row(output, "age")[:5] == ["age", "number", "1 · 2 · 3", "7", "8"]
    assert row(output, "age")[5] == "7 of 60 cells are missing"
    assert row(output, "weight: dry")[:3] == ["weight: dry", "number", "0.5 kg · 1.5 kg · 2.5 kg"]
    assert row(output, "weight: dry")[5] == "'0.5 kg' is read as 0.5"
    assert row(output, "colour")[:5] == ["colour", "category", "r · g · b", "0", "3"]
    assert row(output, "signed up")[1] == "dates"
    assert row(output, "remark")[1] == "text"
    assert row(output, "same")[1] == "left out"
    assert row(output, "rating")[3] == "3"
    assert row(output, "churn")[:5] == ["churn", "target", "left · stays", "0", "2"]
    assert "\nclassification, target churn: 2 classes, left 45, stays 15\n" in output


def test_the_command_of_the_study_ends_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "my table.csv", "--missing=-999,n/a", "--target", "y")
    last = output.splitlines()[-1]
    assert last == "trilla study --data 'my table.csv' --missing=-999,n/a --target y"
    assert shlex.split(last)[3] == "my table.csv"


@pytest.mark.parametrize("name", ["id", "customer id", "id, old", "-id", "it's id"])
def test_the_flag_that_keeps_a_column_can_be_pasted(capsys: pytest.CaptureFixture[str], name: str) -> None:
    rows = "".join(f"{i},{i % 7},{'pq'[i % 2]}\n" for i in range(ROWS))
    Path("ids.csv").write_text(f'"{name}",a,y\n{rows}')
    looked(capsys, "ids.csv", "--target", "y", "--json", "look.json")
    (note,) = json.loads(Path("look.json").read_text())["columns"][0]["notes"]
    found = re.search(r"; (--keep-column.*) uses it$", note)
    assert found is not None
    looked(capsys, "ids.csv", "--target", "y", "--json", "look.json", *shlex.split(found[1]))
    assert json.loads(Path("look.json").read_text())["columns"][0]["used"]


def test_a_row_to_check_is_yellow_and_an_unused_one_is_dim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm-256color")
    output = looked(capsys, "mixed.csv", "--target", "churn")
    assert re.search(r"\x1b\[33mid\b", output)
    assert re.search(r"\x1b\[2msame\b", output)
    assert re.search(r"(?m)^age\b", output)


@pytest.mark.parametrize("width", [80, 100])
def test_in_a_narrow_terminal_the_notes_stand_below_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    output = re.sub(r"\x1b\[[0-9;]*m", "", looked(capsys, "mixed.csv", "--target", "churn", "--missing=-999"))
    assert row(output, "weight: dry") == ["weight: dry", "number", "0.5 kg · 1.5 kg · 2.5 kg", "0", "7"]
    assert row(output, "signed up")[1] == "dates"
    assert all(len(line) <= width for line in output.splitlines()[:11])
    notes = output.splitlines()[11:]
    assert notes[0].startswith("  id: left out")
    assert notes[0].endswith("--keep-column id uses it")
    assert "  weight: dry: '0.5 kg' is read as 0.5" in notes
    assert "  age: 7 of 60 cells are missing" in notes


def test_long_names_leave_room_for_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a very long name of a column " * 4
    Path("long.csv").write_text(
        f"{name.strip()},b,y\n" + "".join(f"{i % 7 or ''},x,{'pq'[i % 2]}\n" for i in range(ROWS))
    )
    output = looked(capsys, "long.csv", "--target", "y")
    assert "9 of 60 cells are missing" in output
    assert "left out, it holds the same value" in output


def test_a_quantity_has_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "numbers.csv", "--target", "y")
    assert "regression, target y: a quantity from 0 to 73.75, mean 36.875" in output
    assert "classification, target y: 60" not in output


def test_possible_targets_are_named_if_none_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "mixed.csv")
    told = next(line for line in output.splitlines() if line.startswith("  without --target"))
    assert told.startswith("  without --target the rows are clustered; possible targets: ")
    assert "colour (3 values)" in told
    assert "churn (2 values)" in told
    assert "same" not in told
    assert "id (" not in told
    assert "clustering, no target" in output
    assert output.endswith("trilla study --data mixed.csv\n")


def test_many_possible_targets_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "wide.csv")
    told = next(line for line in output.splitlines() if line.startswith("  without --target"))
    assert told.endswith(
        "possible targets: c0 (11 values), c1 (11 values), c2 (11 values), c3 (11 values), "
        "c4 (11 values) and 95 more"
    )


def test_without_a_possible_target_the_clustering_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("measures.csv").write_text("a,b\n" + "".join(f"{i / 7},{i * i / 3}\n" for i in range(ROWS)))
    assert "\n  without --target the rows are clustered\n" in looked(capsys, "measures.csv")


def test_a_data_set_of_the_catalogue_has_no_other_target(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "burger-king")
    assert "--target" not in output
    assert "clustering, no target" in output


def test_a_refused_table_is_shown_with_the_reason_at_the_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = ("--html", "page.html", "--json", "look.json")
    output, sentence = refused(capsys, "faulty.csv", "--target", "y", *files)
    assert row(output, "bad")[1] == "refused"
    assert row(output, "a")[:2] == ["a", "number"]
    assert "trilla study" not in output
    assert re.search(r"faulty.csv', line 32: column 'bad' holds 'oops'", sentence)
    found = json.loads(Path("look.json").read_text())
    assert found["refusal"] in sentence
    assert [column["name"] for column in found["columns"]] == ["bad", "a", "y"]
    assert found["target"]["classes"] == {"p": 30, "q": 30}
    page = Path("page.html").read_text()
    assert "A study refuses these data." in page
    assert "<code>trilla study" not in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nosuch.csv"], "no file 'nosuch.csv'"),
        (["ragged.csv", "--target", "y"], "ragged.csv', line 3: 2 fields where the header has 3"),
        (["nameless.csv", "--target", "y", "--keep-column", ""], "column 1 of '.*nameless.csv' has no name"),
        (["mixed.csv", "--target", "z"], "mixed.csv' has no column 'z' for the target"),
        (["mixed.csv", "--trget", "z"], r"--trget z \(did you mean --target\?\)"),
        (["cats-dogs"], "images of 'cats-dogs' are fetched by a study; set TRILLA_CATS_DOGS"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.delenv("TRILLA_CATS_DOGS", raising=False)
    _, error = refused(capsys, *arguments)
    assert re.search(sentence, error), error


@pytest.mark.parametrize("flag", ["--html", "--json"])
@pytest.mark.parametrize(
    ("path", "sentence"),
    [("nosuch/file", "its folder does not exist"), (".", "it is a folder; name a file in it")],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_look(
    capsys: pytest.CaptureFixture[str], flag: str, path: str, sentence: str
) -> None:
    output, error = refused(capsys, "nosuch.csv", flag, path)
    assert output == ""
    assert f"{flag} {path}: {sentence}" in error


def test_a_column_without_a_name_is_named_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "nameless.csv", "--target", "y")
    assert row(output, "a column without a name")[1] == "left out"


def test_a_program_gets_columns_notes_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "mixed.csv", "--target", "churn", "--missing=-999", "--json", "look.json")
    found = json.loads(Path("look.json").read_text())
    assert (found["name"], found["task"], found["rows"], found["refusal"]) == (
        "mixed",
        "classification",
        ROWS,
        None,
    )
    assert found["path"].endswith("mixed.csv")
    assert found["target"]["classes"] == {"left": 45, "stays": 15}
    columns = {column["name"]: column for column in found["columns"]}
    assert list(columns) == MIXED.splitlines()[0].split(",")
    assert columns["age"]["notes"] == ["7 of 60 cells are missing"]
    assert columns["weight: dry"]["notes"] == ["'0.5 kg' is read as 0.5"]
    assert columns["same"]["used"] is False
    assert output.endswith(f"{found['command']}\n")


def test_terminal_page_and_file_tell_the_same_notes(capsys: pytest.CaptureFixture[str]) -> None:
    output = looked(capsys, "mixed.csv", "--html", "page.html", "--json", "look.json")
    found = json.loads(Path("look.json").read_text())
    told = " ".join(output.split())
    page = Path("page.html").read_text().replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "'")
    page = re.sub(r"<[^>]+>", "", page)
    assert any(note.startswith("without --target the rows are clustered") for note in found["notes"])
    assert any(column["notes"] for column in found["columns"])
    for note in [*found["notes"], *(note for column in found["columns"] for note in column["notes"])]:
        assert note in page
        assert note[:25] in told


def test_of_a_wide_table_some_columns_are_shown_and_the_files_have_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = looked(capsys, "wide.csv", "--target", "y", "--html", "page.html", "--json", "look.json")
    assert "  40 more columns are not shown here; --html FILE and --json FILE have all columns" in output
    assert len(re.findall(r"(?m)^(?:c\d+|y) ", output)) == 60
    assert row(output, "c0")[1] == "number"
    assert row(output, "y")[1] == "target"
    assert len(json.loads(Path("look.json").read_text())["columns"]) == 100
    assert Path("page.html").read_text().count('<th scope="row">') == 100


def test_a_folder_of_images_has_its_classes(capsys: pytest.CaptureFixture[str]) -> None:
    image_files.folder(Path("pets"), 12)
    Path("pets/cat/broken.jpg").write_bytes(b"no image")
    Path("pets/notes.txt").write_text("about the images")
    output = looked(capsys, "pets", "--html", "page.html", "--json", "look.json")
    assert output.startswith("pets: 25 images, 2 classes\n")
    assert re.search(r"(?m)^cat +13$", output)
    assert re.search(r"(?m)^dog +12$", output)
    assert "  1 of 25 images that were opened cannot be used" in output
    assert output.endswith("trilla study --data pets\n")
    found = json.loads(Path("look.json").read_text())
    assert (found["task"], found["classes"], found["refusal"]) == ("vision", {"cat": 13, "dog": 12}, None)
    page = Path("page.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Images of each class" in page
    assert all(note in page and note in output for note in found["notes"])


def test_a_folder_with_too_few_images_is_shown_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    image_files.folder(Path("pets"), 4)
    output, sentence = refused(capsys, "pets")
    assert re.search(r"(?m)^cat +4$", output)
    assert "class 'cat' of data set 'pets' has 4 usable images" in sentence


def test_the_photographs_of_the_user_are_looked_at_by_their_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRILLA_CATS_DOGS", str(image_files.folder(Path("photographs"), 12)))
    assert looked(capsys, "cats-dogs").startswith("cats-dogs: 24 images, 2 classes\n")
