"""Bad input: one sentence, exit status 2, and nothing started, created or left behind."""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from deployments.cli import main
from flows.parameters import StudyParameters
from infra import __version__

WORDS = {30: "oops", 31: "ops", 32: "op"}
FILES = {
    "empty.csv": "",
    "header.csv": "a,b,y\n",
    "good.csv": "a,b,y\n" + "".join(f"{i},{i * 2 % 7},{'pq'[i % 2]}\n" for i in range(60)),
    "twin/good.csv": "a,b,y\n" + "".join(f"{i},{i * 3 % 7},{'pq'[i % 2]}\n" for i in range(60)),
    "one.csv": "a,b,y\n" + "".join(f"{i},{i * 2 % 7},p\n" for i in range(60)),
    "text.csv": "a,b,y\n" + "".join(f"{WORDS.get(i, i)},1,{'pq'[i % 2]}\n" for i in range(60)),
    "ragged.csv": "a,b,y\n1,2,p\n1,2\n" + "1,2,q\n" * 30,
    "fake.parquet": "a,b,y\n1,2,p\n",
}

REFUSED = [
    (
        "--data nosuch.csv",
        "no file 'nosuch.csv'; give a CSV, Parquet, JSON or Excel file, a folder of images, or one of: "
        "diabetes, burger-king, cats-dogs",
    ),
    ("--data diabetis", "no file 'diabetis'; give .* one of: diabetes"),
    ("--data empty.csv", "empty.csv' is empty"),
    ("--data header.csv", "header.csv' has a header but no rows"),
    ("--data ragged.csv --target y", "ragged.csv', line 3: 2 fields where the header has 3"),
    ("--data fake.parquet", "fake.parquet'"),
    ("--data good.csv --target z", "good.csv' has no column 'z' for the target; columns: a, b, y"),
    ("--data one.csv --target y", "target 'y' of '.*one.csv' has one value only, 'p'"),
    (
        "--data text.csv --target y",
        "text.csv', line 32: column 'a' holds 'oops' .line 32., 'ops' .line 33., 'op' .line 34. where",
    ),
    ("--data diabetes,good.csv --target y", "data set 'diabetes' is for .* target 'diabetes', not 'y'"),
    ("--data good.csv,diabetes --target diabetes", "good.csv' has no column 'diabetes'"),
    ("--data good.csv,twin/good.csv", "--data twin/good.csv: another data set is called 'good' already"),
    ("--data burger-king --target item", "data set 'burger-king' is for clustering"),
    ("--folds 1", "--folds 1: .*greater than or equal to 2"),
    ("--folds many", "--folds many: .*valid integer"),
    ("--candidates 0", "--candidates 0: .*greater than or equal to 1"),
    ("--repeats 21", "--repeats 21: .*less than or equal to 20"),
    ("--workers 0", "--workers 0: .*greater than or equal to 1"),
    ("--seed -1", "--seed -1: .*greater than or equal to 0"),
    ("--log-trials lots", "--log-trials lots: .*valid integer"),
    ("--engines ray", "--engines ray: .*'local', 'dask' or 'spark'"),
    ("--engines local,ray", "--engines ray: .*'local', 'dask' or 'spark'"),
    ("--engines", "--engines: expected one argument"),
    ("--algorithms xgbost", "--algorithms xgbost: .*'xgboost'"),
    (
        "--algorithms kmeans --data diabetes",
        "kmeans: none of these algorithms is for classification; allowed: .*xgboost",
    ),
    ("--engnes local", r"--engnes local \(did you mean --engines\?\)"),
    ("--jsn x", r"--jsn x \(did you mean --json\?\)"),
    ("--log_trial 3", r"did you mean --log-trials\?"),
    ("--cluster x", r"--cluster x \(`trilla study --help` lists what is allowed\)"),
    ("stray", r"stray \(`trilla study --help` lists"),
    ("--json /nosuch/folder/x.json", "--json /nosuch/folder/x.json: its folder does not exist"),
    ("--json twin", "--json twin: it is a folder"),
]

DEPLOY_REFUSED = [
    ("--cron nightly", "--cron 'nightly' is not a cron expression.*for example '0 2"),
    ("--data nosuch.csv", "no file 'nosuch.csv'"),
    ("--data good.csv --target z", "good.csv' has no column 'z' for the target; columns: a, b, y"),
    ("--target y", "data set 'diabetes' is for .* target 'diabetes', not 'y'"),
    ("--folds 1", "--folds 1: .*greater than or equal to 2"),
    ("--engines ray", "--engines ray: .*'local', 'dask' or 'spark'"),
    ("--json x.json", r"--json x.json \(`trilla deploy --help` lists what is allowed\)"),
    ("--crn x", r"--crn x \(did you mean --cron\?\)"),
]

VARIABLES = [
    ("TRILLA_PREFECT_PORT", "abc", "TRILLA_PREFECT_PORT=abc: .*valid integer"),
    ("TRILLA_MLFLOW_PORT", "99999", "TRILLA_MLFLOW_PORT=99999: .*less than or equal to 65535"),
    ("TRILLA_CORES", "0", "TRILLA_CORES=0: .*greater than or equal to 1"),
    ("TRILLA_HOME", "/dev/null/home", "'/dev/null/home/data': Not a directory"),
    (
        "TRILLA_MLFLOW_TRACKING_URI",
        "localhost",
        "TRILLA_MLFLOW_TRACKING_URI=localhost is not the address of a server",
    ),
    ("TRILLA_PREFECT_API_URL", "http://127.0.0.1:9/api", "TRILLA_PREFECT_API_URL=.* does not answer"),
]

Refuse = tuple[int | str | None, str, str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files, and a home that is not there yet."""
    (tmp_path / "twin").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TRILLA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    return tmp_path


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Refuse:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def assert_refused(found: Refuse, sentence: str) -> None:
    status, output, errors = found
    assert (status, output) == (2, "")
    assert errors.startswith("trilla: ")
    assert errors.count("\n") == 1, "more than one line"
    assert re.search(sentence, errors), errors


def assert_untouched(home: Path) -> None:
    """Nothing was started or begun; whole prepared data may lie there."""
    assert {path.name for path in home.glob("*")} <= {"data"}
    assert {path.suffix for path in home.rglob("*.*")} <= {".parquet", ".json"}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED, ids=[one for one, _ in REFUSED])
def test_bad_input_is_refused(
    arguments: str, sentence: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(run(["study", *arguments.split()], capsys), sentence)
    assert_untouched(place / "home")


@pytest.mark.parametrize(("arguments", "sentence"), DEPLOY_REFUSED, ids=[one for one, _ in DEPLOY_REFUSED])
def test_bad_input_is_refused_before_anything_is_deployed(
    arguments: str, sentence: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(run(["deploy", *arguments.split()], capsys), sentence)
    assert_untouched(place / "home")


def test_without_flags_a_deployment_keeps_what_it_has(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, StudyParameters | None]] = []
    monkeypatch.setattr("deployments.deploy.deploy", lambda *given: asked.append(given))
    main(["deploy"])
    main(["deploy", "--cron", "0 3 * * *"])
    main(["deploy", "--data", "good.csv", "--target", "y"])
    assert asked == [
        (None, None),
        ("0 3 * * *", None),
        (None, StudyParameters(data=["good.csv"], target="y")),
    ]


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"trilla {__version__}\n"
    assert __version__ == version("trilla")


@pytest.mark.parametrize(("name", "value", "sentence"), VARIABLES, ids=[one[0] for one in VARIABLES])
def test_bad_variables_are_refused(
    name: str,
    value: str,
    sentence: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)
    status, output, errors = run(["study", "--data", "diabetes"], capsys)
    assert_refused((status, "", errors), sentence)
    # the addresses of servers are looked at after the data are prepared and told
    assert output == "" or output.startswith("diabetes: 768 rows")
    assert_untouched(place / "home")


@pytest.mark.parametrize("arguments", [["nosuch"], ["bench", "one", "two"], ["status", "--all"]])
def test_bad_commands_are_refused(
    arguments: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(run(arguments, capsys), arguments[-1])


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_command_it_helps(
    arguments: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output, errors = run(arguments, capsys)
    assert (status, errors) == (0, "")
    for command in ("study", "up", "down", "status", "deploy", "doctor", "bench"):
        assert re.search(rf"^    {command}$", output, re.MULTILINE), output
