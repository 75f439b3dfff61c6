"""Compare two results of the same study: everything must be equal but times, addresses and memory.

Run as `python -m tests.benchmarks.compare_results BEFORE.json AFTER.json`; it prints each difference, and the counts.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Path_ = tuple[str, ...]
MEASURED = {
    "usage", "seconds", "started", "finished", "mlflow_run_id", "mlflow_url", "network", "path", "png", "links",
    "profile", "url", "version", "versions", "machine", "images_per_second",
}  # fmt: skip
"""Fields that tell times, addresses, memory or the machine."""


def keyed(value: Any) -> Any:
    """A list of cells or evaluations by name, so that additional ones do not shift the others."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    names = [
        ("dataset", "algorithm", "engine", "search"),
        ("dataset", "first", "second"),
        ("dataset", "title"),
    ]
    for fields in names:
        if all(field in value[0] for field in fields[:2]):
            return {" ".join(str(one.get(field, "")) for field in fields): one for one in value}
    return value


def differences(before: Any, after: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any, Any]]:
    """Places where two results differ."""
    before, after = keyed(before), keyed(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            if name not in MEASURED:
                yield from differences(before.get(name, "(none)"), after.get(name, "(none)"), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, str(i)))
    elif before != after:
        yield path, before, after


def leaves(value: Any) -> int:
    """Number of values that were compared."""
    if isinstance(value, dict):
        return sum(leaves(one) for name, one in value.items() if name not in MEASURED)
    return sum(map(leaves, value)) if isinstance(value, list) else 1


def main() -> None:
    """Print the differences between two result files."""
    before, after = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
    found = list(differences(before, after))
    for path, one, other in found:
        print(" / ".join(path), "|", str(one)[:90], "|", str(other)[:90])
    kinds = Counter(path[0] for path, _, _ in found)
    print(f"{leaves(before):,} values compared; differences: {dict(kinds)}")


if __name__ == "__main__":
    main()
