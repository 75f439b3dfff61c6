"""The errors that a user can mend."""


class TrillaError(Exception):
    """Something a user can mend: one sentence that names the thing, its value and what is allowed.

    The `trilla` command prints the sentence and exits with status 2, without a traceback.
    """


class DataError(TrillaError, ValueError):
    """A data set cannot be used as it is: the message names the file, the column and what is allowed."""


class ParameterError(TrillaError, ValueError):
    """A parameter is unknown or out of bounds: the message names it, its value and what is allowed."""


class StackError(TrillaError):
    """A server of the local stack cannot be started, reached or stopped."""


class EngineError(TrillaError):
    """An engine cannot be started, or its work failed after the bounded number of tries."""
