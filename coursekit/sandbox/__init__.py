"""A student's code in a sandbox: unprivileged, without network, within limits.

In bubblewrap it is alone: with the interpreter and its packages, read-only, and the folders that
are named; without this machine's files, the course's sources and references, other processes,
other submissions. Containers forbid that. The weaker sandbox, "own uid" (see `launcher`), is for
them; `choose` says which works here. See SECURITY.md for what each holds back.
"""

from collections.abc import Sequence
from pathlib import Path

from coursekit.sandbox.base import KIT, WORK, Limits, Sandbox, SandboxError
from coursekit.sandbox.bubblewrap import Bubblewrap
from coursekit.sandbox.own_uid import OwnUid
from coursekit.sandbox.plain import Plain

__all__ = [
    "KIT",
    "SAYS",
    "WORK",
    "Bubblewrap",
    "Limits",
    "OwnUid",
    "Plain",
    "Sandbox",
    "SandboxError",
    "choose",
]

SAYS = {kind.name: kind.says for kind in (OwnUid, Plain)}
"""{name: a sentence for whoever reads grades}, of each sandbox that is not the full one."""


def choose(allow_weaker: bool = False, hidden: Sequence[Path] = ()) -> tuple[Sandbox, str]:
    """The strongest sandbox that works here.

    Args:
        allow_weaker: than bubblewrap.
        hidden: files and folders that nobody in it may read, besides the course.

    Returns:
        The sandbox, and why it does not work; empty if it does.
    """
    full, weaker = Bubblewrap(hidden=tuple(hidden)), OwnUid(hidden=tuple(hidden))
    if not (trouble := full.trouble()):
        return full, ""
    if not allow_weaker:
        return full, f"{trouble} Or, as root in a container: --allow-weaker-sandbox."
    if problem := weaker.trouble():
        return weaker, f"{trouble} The weaker sandbox: {problem}"
    return weaker, ""
