"""The `trilla` command."""

import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import CliApp, CliPositionalArg, CliSubCommand, CliToggleFlag, SettingsError

from deployments.data_words import with_quoted_words
from flows.parameters import ReadingParameters, ScoringParameters, StudyParameters
from infra import __version__
from infra.errors import TrillaError

USAGE_ERROR = 2
INTERRUPTED = 128 + signal.SIGINT


class Study(StudyParameters):
    """Compare algorithms x engines x {baseline, grid, random} on data sets and write a report: the main job."""

    json_file: Path | None = Field(
        None, validation_alias=AliasChoices("json"), description="Also write the result to this JSON file."
    )

    def cli_cmd(self) -> None:
        from deployments.run_study import run_study

        parameters = StudyParameters(**self.model_dump(exclude={"json_file"}))
        sys.exit(run_study(parameters, self.json_file))


class Look(ReadingParameters):
    """Show how a table or a folder of images is read, and what a study would do to each column; nothing is started."""

    source: CliPositionalArg[str] = Field(
        validation_alias=AliasChoices("data"),
        description="CSV or Parquet file, folder of Parquet files or of images, or name of a data set.",
    )
    html: Path | None = Field(
        None, description="Also write this HTML file, with a picture of the values of each column."
    )
    json_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("json"),
        description="Also write the description to this JSON file.",
    )

    def cli_cmd(self) -> None:
        from deployments.look import look

        reading = ReadingParameters(**self.model_dump(include=set(ReadingParameters.model_fields)))
        look(self.source, reading, self.html, self.json_file)


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Up(_Command):
    """Start the local stack: one Prefect server, one MLflow server."""

    def cli_cmd(self) -> None:
        from deployments.stack import start

        start()


class Down(_Command):
    """Stop the local stack."""

    def cli_cmd(self) -> None:
        from deployments.stack import stop

        stop()


class Status(_Command):
    """Show the servers of the local stack."""

    def cli_cmd(self) -> None:
        from deployments.stack import show

        sys.exit(show())


class Deploy(StudyParameters):
    """Register all deployments and serve them until interrupted; the flags set the parameters of scheduled studies.

    Without --cron the deployment keeps its schedule; without any other flag the deployment keeps its parameters.
    """

    cron: str | None = Field(
        None,
        description="Schedule of the study, a cron expression (UTC); a new deployment has 0 2 * * *.",
    )

    def cli_cmd(self) -> None:
        from deployments.deploy import deploy

        given = self.model_dump(include=self.model_fields_set - {"cron"})
        deploy(self.cron, StudyParameters(**given) if given else None)


class Doctor(_Command):
    """Check Java, Python workers, ports, disk, memory and versions; print each finding with its remedy."""

    def cli_cmd(self) -> None:
        from deployments.doctor import diagnose, print_findings
        from infra.settings import load_settings

        sys.exit(print_findings(diagnose(load_settings())))


class Score(ScoringParameters):
    """Write the predictions of a registered model for the rows of a table, into one file or a folder of parts."""

    model: CliPositionalArg[str] = Field(description=ScoringParameters.model_fields["model"].description)
    data: CliPositionalArg[str] = Field(description=ScoringParameters.model_fields["data"].description)

    def cli_cmd(self) -> None:
        from deployments.score import score

        sys.exit(score(ScoringParameters(**self.model_dump(exclude_unset=True))))


class Bench(_Command):
    """Run the benchmarks: trilla beside other libraries, measured in turn in one run and shown as ratios."""

    name: CliPositionalArg[str | None] = Field(
        None, description="Name of one benchmark; by default all benchmarks run."
    )
    json_file: Path | None = Field(
        None, validation_alias=AliasChoices("json"), description="Also write the figures to this JSON file."
    )

    def cli_cmd(self) -> None:
        from deployments.bench import bench

        sys.exit(bench(self.name, self.json_file))


class Trilla(_Command):
    """Train, search, evaluate and compare machine learning algorithms on one process, Dask and Spark."""

    version: CliToggleFlag[bool] = Field(False, description="Show the version and exit.")
    study: CliSubCommand[Study]
    look: CliSubCommand[Look]
    up: CliSubCommand[Up]
    down: CliSubCommand[Down]
    status: CliSubCommand[Status]
    deploy: CliSubCommand[Deploy]
    score: CliSubCommand[Score]
    doctor: CliSubCommand[Doctor]
    bench: CliSubCommand[Bench]

    def cli_cmd(self) -> None:
        if self.version:
            print(f"trilla {__version__}")
            return
        CliApp.run_subcommand(self)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error that the user can correct prints one sentence and exits with status 2."""
    given = with_quoted_words(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        CliApp.run(Trilla, cli_args=given, cli_exit_on_error=False)
    except ValidationError as error:
        refuse(_sentence(error))
    except SettingsError as error:
        refuse(_with_remedy(str(error).removeprefix("error parsing CLI: ").removeprefix("Error: "), given))
    except TrillaError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        print("trilla: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def refuse(sentence: str) -> None:
    """Print one sentence and exit with status 2."""
    print(f"trilla: {sentence}", file=sys.stderr)
    sys.exit(USAGE_ERROR)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if isinstance(part, str)]
    flag = names[-1].replace("_", "-") if names else ""
    return f"--{flag} {first['input']}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _with_remedy(complaint: str, given: Sequence[str]) -> str:
    """Add to the parser's error message the flag that was probably meant, or the command that lists the flags."""
    command = next((word for word in given if word in Trilla.model_fields), None)
    if not complaint.startswith("unrecognized arguments:") or command is None:
        return complaint
    field = get_args(Trilla.model_fields[command].annotation)[0]
    flags = [f"--{_flag(name, info)}" for name, info in field.model_fields.items()]
    for word in complaint.split():
        if close := get_close_matches(word, flags, n=1, cutoff=0.7):
            return f"{complaint} (did you mean {close[0]}?)"
    return f"{complaint} (`trilla {command} --help` lists what is allowed)"


def _flag(name: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name.replace("_", "-")
