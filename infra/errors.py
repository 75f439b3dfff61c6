"""Errors that a user can correct."""


class TrillaError(Exception):
    """An error that a user can correct.

    Its message is one sentence that names the thing, the value of the thing, and what is allowed.

    The `trilla` command prints the message and exits with status 2, without a traceback.
    """


class DataError(TrillaError, ValueError):
    """A data set cannot be used. The message names the file, the column and what is allowed."""


class ParameterError(TrillaError, ValueError):
    """A parameter is unknown or out of bounds. The message names it, its value and what is allowed."""


class StackError(TrillaError):
    """A server of the local stack cannot be started, reached or stopped."""


class EngineError(TrillaError):
    """An engine cannot be started, or its work failed at every try."""


class EngineLostError(EngineError):
    """A process that an engine depends on has ended; a new engine can do the same work."""
