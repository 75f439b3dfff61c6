"""`trilla up`, `trilla down` and `trilla status`: the local stack from the command line."""

import os
from datetime import datetime

from rich.console import Console

from infra.servers import Stack, down, stack_environment, status, up
from infra.settings import load_settings

console = Console()


def bring_up() -> Stack:
    """Start the servers of the stack that are not up, and give this process their addresses."""
    settings = load_settings()
    stack = up(settings, report=lambda line: console.print(line, style="dim", highlight=False))
    os.environ.update(stack_environment(settings))
    settings.home.mkdir(parents=True, exist_ok=True)  # servers on other machines do not make this folder
    return stack


def start() -> None:
    """Start the stack and print its addresses."""
    stack = bring_up()
    console.print(f"Prefect  {stack.prefect_ui_url}", soft_wrap=True)
    console.print(f"MLflow   {stack.mlflow_url}", soft_wrap=True)


def stop() -> None:
    """Stop the stack and print the names of the servers that were stopped."""
    stopped = down(load_settings())
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def show() -> int:
    """Print the state of each server, and return the exit status: 0 if both are healthy, else 1."""
    states = status(load_settings())
    for server in states:
        since = f" since {server.since:%Y-%m-%d %H:%M}" if isinstance(server.since, datetime) else ""
        reason = f" ({server.reason})" if server.reason else ""
        console.print(
            f"{server.kind.name:8} {server.state:10} {server.url or ''}{since}{reason}", soft_wrap=True
        )
    return 0 if all(server.state == "running" for server in states) else 1
