"""Students' repositories, cloned with plain git into one folder that `coursekit grade` reads.

A repository is of somebody whom nobody trusts: no hook, submodule, filter or link of it is
followed, and nothing of it is run.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from styletools._files import write_text
from styletools.errors import StyletoolsError

CLONES = ".clones.json"  # in the folder: when each last commit was made, and the common prefix
CLONE_SECONDS = 600
MOST_REPOSITORIES = 4000  # that are asked for
ADDRESS = "https://github.com/{}.git"
SAFE = (
    "core.hooksPath=/dev/null", "core.symlinks=false", "core.fsmonitor=false",
    "protocol.ext.allow=never", "filter.lfs.smudge=", "filter.lfs.process=",
    "filter.lfs.required=false", "submodule.recurse=false",
)  # fmt: skip


class CloneError(StyletoolsError):
    """Repositories that cannot be listed, or cloned."""


def clone(
    addresses: Sequence[str], folder: Path, prefix: str = "", say: Callable[[str], None] = print
) -> list[str]:
    """Clone repositories, one folder each; a folder that is there is replaced by the newest.

    Args:
        addresses: URLs, paths, or OWNER/NAME on GitHub.
        folder: for the clones; it is made.
        prefix: what their names begin with, before the student's.
        say: takes a line for each.

    Returns:
        A line for each that could not be cloned.

    Raises:
        CloneError: an address that is none, or two of one name.
    """
    names = [_name_of(address) for address in addresses]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CloneError(f"Several repositories are called {', '.join(twice)}; clone them apart.")
    folder.mkdir(parents=True, exist_ok=True)
    dates, failed = _record(folder)["submitted"], []
    for address, name in zip(addresses, names, strict=True):
        try:
            dates[name] = _clone_one(_url(address), folder / name)
            say(f"{name}: last commit of {dates[name]}")
        except CloneError as error:
            failed.append(f"{name}: {error}")
    record = {"prefix": prefix, "submitted": dates}
    write_text(folder / CLONES, json.dumps(record, indent=1) + "\n")
    return failed


def list_repositories(owner: str, prefix: str) -> list[str]:
    """The addresses of a GitHub organization's repositories whose names begin so, by `gh`.

    Raises:
        CloneError: `gh` is missing or fails, or there is none.
    """
    command = ["gh", "repo", "list", owner, "--limit", str(MOST_REPOSITORIES), "--json", "name,url"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLONE_SECONDS)
    except FileNotFoundError:
        remedy = "Install GitHub's gh, or give a list of repositories: --list FILE."
        raise CloneError(f"The program gh is not there. {remedy}") from None
    except subprocess.TimeoutExpired:
        raise CloneError(f"gh did not answer in {CLONE_SECONDS} s; try again.") from None
    if done.returncode:
        raise CloneError(f"gh repo list {owner}: {done.stderr.strip()[:500]}")
    found = [one["url"] for one in json.loads(done.stdout) if one["name"].startswith(prefix)]
    if not found:
        raise CloneError(f"{owner} has no repository whose name begins with {prefix!r}.")
    return sorted(found)


def read_list(path: Path) -> list[str]:
    """Addresses from a file, one a line; what begins with # is left out."""
    lines = (line.strip() for line in path.read_text("utf-8-sig").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def commit_dates(folder: Path) -> dict[str, str]:
    """{name of a clone: when its last commit says it was made}, of a folder that `clone` made."""
    return dict(_record(folder)["submitted"])


def clone_prefix(folder: Path) -> str:
    """What the names of a folder's clones begin with; "" if `clone` was not told."""
    return str(_record(folder)["prefix"])


def _record(folder: Path) -> dict[str, Any]:
    try:
        read = json.loads((folder / CLONES).read_text("utf-8"))
        return {"prefix": read["prefix"], "submitted": dict(read["submitted"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"prefix": "", "submitted": {}}


def _url(address: str) -> str:
    return ADDRESS.format(address) if re.fullmatch(r"[\w.-]+/[\w.-]+", address) else address


def _name_of(address: str) -> str:
    name = address.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if address.startswith("-") or "::" in address or not re.fullmatch(r"\w[\w.-]*", name):
        raise CloneError(f"{address!r} is no repository; give a URL, a path or OWNER/NAME.")
    return name


def _clone_one(address: str, target: Path) -> str:
    """Clone beside, then put it in place; the date of the last commit."""
    with tempfile.TemporaryDirectory(prefix=".clone-", dir=target.parent) as temporary:
        place = Path(temporary, "clone")
        local = Path(address)
        address = local.resolve().as_uri() if local.exists() else address  # else --depth is ignored
        _git("clone", "--quiet", "--depth", "1", "--no-tags", "--", address, str(place))
        date = _git("-C", str(place), "log", "-1", "--format=%cI").strip()
        if target.exists():
            shutil.rmtree(target)
        place.replace(target)
    return date


def _git(*arguments: str) -> str:
    options = [part for setting in SAFE for part in ("-c", setting)]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        done = subprocess.run(
            ["git", *options, *arguments],
            capture_output=True, text=True, errors="replace", timeout=CLONE_SECONDS,
            env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise CloneError("The program git is not there; install it.") from None
    except subprocess.TimeoutExpired:
        raise CloneError(f"git did not end in {CLONE_SECONDS} s; try again.") from None
    if done.returncode:
        raise CloneError((done.stderr.strip() or "no commit yet")[-300:])
    return done.stdout
