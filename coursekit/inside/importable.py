"""The script that imports libraries where answers run, in the sandbox.

It prints a line of JSON for each: its name, and why it cannot be imported; "" where it can.
"""

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

MISSING = "missing"


def problem(library: str, owners: Mapping[str, Sequence[str]]) -> str:
    """Why none of its modules can be imported; "" if one can be, or it has none.

    Args:
        library: as pip names it.
        owners: {module: the libraries that it belongs to}.
    """
    try:
        name = distribution(library).name
    except PackageNotFoundError:
        return MISSING
    says = ""
    for module in (module for module, names in owners.items() if name in names):
        try:
            importlib.import_module(module)
            return ""
        except Exception as error:
            says = says or f"{type(error).__name__}: {error}"
    return says


def main() -> None:
    """A line for each library."""
    libraries = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what they print is not wanted
    owners = packages_distributions()
    for library in libraries:
        os.write(out, json.dumps([library, problem(library, owners)]).encode() + b"\n")


if __name__ == "__main__":
    main()
