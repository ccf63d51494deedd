"""Forged submissions, as data: each is wrong and tries to get a point, or to do harm.

`tests/grade/test_redteam.py` runs every one of them through the grader;
`python -m tests.data.forgeries.table` runs those that cannot hurt through plain `pytest --nbval`,
and writes docs/red-team.md. See README.md.
"""

from dataclasses import replace

from .forging import Forgery
from .kit_calls import KIT_CALLS
from .machine import MACHINE
from .notebook_tricks import NOTEBOOK_TRICKS
from .packages import PACKAGES
from .python_tricks import PYTHON_TRICKS

__all__ = ["FORGERIES", "Forgery"]

_GROUPS = {
    "notebook_tricks": NOTEBOOK_TRICKS,
    "python_tricks": PYTHON_TRICKS,
    "kit_calls": KIT_CALLS,
    "machine": MACHINE,
    "packages": PACKAGES,
}
_SOAK = """\
skip-in-docstring raises-in-docstring tag-raises tag-ignore-output no-execution-count no-code
retyped-check emptied-check printed-look verdict-look points-in-metadata other-notebook
ini-beside sanitizer-beside styletools-beside sitecustomize-beside
showtraceback-patched generators-replaced stdout-replaced desk-patched input-zeroed nfkc-name
input-transformer run-cell-replaced torch-function-liar displayhook-replaced helpers-replaced trace
main-replaced odd-messages never-idle endless-exception exception-says-passed checks-patched
infrastructure-wanted not-a-number input-replaced late-swap turned-direction line-ends
globals-exchanged later-todo tensor-text-patched round-patched
kit-renamed kit-itself kit-partial kit-base64 kit-caught kit-other-module kit-gradient kit-losses
kit-sys-modules kit-fullwidth kit-wrapped kit-source kit-bytecode diagnosis-watched
kit-layers-all kit-fork kit-zip-of-site-packages stash kit-reload kit-record-cleared
endless-cell deaf compiled-loop exit-in-answer sys-exit deep-recursion stop-all memory-caught
descriptor-flood sparse-files many-files output-flood-cell display-flood message-flood type-flood
deep-message atexit diagnosis-hang sleep
pictures-braces pictures-many folder-for-file deep-brackets
""".split()  # noqa: SIM905
FORGERIES: tuple[Forgery, ...] = tuple(
    replace(forgery, group=group, soak=forgery.name in _SOAK)
    for group, several in _GROUPS.items()
    for forgery in several
)
assert set(_SOAK) <= {forgery.name for forgery in FORGERIES}
"""All of them, in the order of docs/red-team.md."""
