"""What a store says about a fault, in plain words."""

import re
from collections.abc import Mapping

REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID")
"""Names of errors of a store that refuses the keys that are set."""
WORDS: Mapping[str, str] = {
    **dict.fromkeys(REFUSALS, "the store refuses the keys that are set"),
    "NO_SUCH_BUCKET": "the store has no bucket of this name",
    "NETWORK_CONNECTION": "the store does not answer",
    "SLOW_DOWN": "the store has too many requests at the moment",
}
AWS = re.compile(r"AWS Error (\w+) during .* operation: (.*?)(?: \(Request ID: .*\))?$", re.DOTALL)


def reason_of(error: BaseException) -> str:
    """The reason of a fault of a disk or a store, as a part of a sentence."""
    text = " ".join(str(error).split())
    found = AWS.search(text)
    if found is None:
        return getattr(error, "strerror", None) or text or type(error).__name__
    name, details = found.groups()
    return f"{WORDS[name]} ({name})" if name in WORDS else f"{details} ({name})"
