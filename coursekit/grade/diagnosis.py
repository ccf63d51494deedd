"""The diagnosis that a student's own check gives, for the report; no point depends on it.

The check runs in the sandbox (see `inside/diagnose.py`); what comes back from there is in the
student's hands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coursekit.grade.kits import INSIDE
from coursekit.sandbox import Sandbox

SECONDS = 60
LONGEST_CODE, LONGEST_MESSAGE = 80, 2_000
STATUSES = ("passed", "different", "not attempted", "wrong", "raised")


@dataclass(frozen=True)
class Told:
    """What the student's own check says."""

    status: str
    code: str
    message: str


def diagnose(answers: Mapping[str, str], needs: Iterable[str], sandbox: Sandbox) -> dict[str, Told]:
    """Run the checks on some answers.

    Args:
        answers: {TODO: source}.
        needs: earlier TODOs that they may call; they get the kit's own.
        sandbox: with the whole kit in it, see `kits.write_whole_kit`.

    Returns:
        {TODO: what its check says}; one whose check comes to no end is missing.
    """
    told: dict[str, Told] = {}
    waiting = dict(answers)
    while waiting:
        request = {"answers": waiting, "needs": list(needs)}
        for line in sandbox.call(INSIDE / "diagnose.py", request, SECONDS):
            if isinstance(line, list) and len(line) == 4 and line[1] in STATUSES:
                name, status, code, message = map(str, line)
                if name in waiting:
                    told[name] = Told(status, code[:LONGEST_CODE], message[:LONGEST_MESSAGE])
        waiting = {name: source for name, source in waiting.items() if name not in told}
        if waiting:
            waiting.pop(next(iter(waiting)))  # it ended the process; the others have another try
    return told
