"""Runs the forgeries through plain `pytest --nbval`, and writes docs/red-team.md.

    python -m tests.data.forgeries.table [--seconds N] [--render] [NAME …]

Without names, those that have no outcome yet; outcomes are kept in plain.json, beside this file.
"""

import argparse
import json
import time
from pathlib import Path

from . import FORGERIES
from .plain import believed, check_controls, runs

OUTCOMES = Path(__file__).with_name("plain.json")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "red-team.md"
GROUPS = {
    "notebook_tricks": "What a notebook says about itself, and what lies beside it",
    "python_tricks": "What the answer changes in the process that it runs in",
    "kit_calls": "The kit's own answers, and what the grader knows",
    "machine": "The machine, the grader, other students",
    "packages": "Whoever opens the hand-in",
}

HEAD = """\
# The red team

{count} forged submissions. Each is wrong, and tries to get a point anyway, or to do harm.
**Plain** is `pytest --nbval` on the notebook as it came, with the course's checks set to strict.
✗ means that it ended with exit code 0, so it believed the forgery ({fooled} of the {plain} that
were run); ✓ means that it did not; a dash means that the forgery was not run, for the reason below
the table. **coursekit** is what the grader may make of it. `tests/grade/test_redteam.py` tests
this, and that no forgery gets a point, changes another's grade, or leaves a process or a file
behind.

Built by `python -m tests.data.forgeries.table`; do not edit.
"""

WEAKER = """\
## In the weaker sandbox

Where a container forbids bubblewrap, each submission can run as a user of its own
([instructors.md](instructors.md)). The forgeries of `make test` were also graded in a simulated
container, with Landlock and without, beside honest submissions
(`pytest tests/grade/test_redteam.py -m soak -k container`). None got a point, no honest grade
changed, no process and no file was left. What each sandbox holds back:

| what is attacked | bubblewrap | own uid, Landlock | own uid alone |
|---|---|---|---|
| solutions, the grader, its files | not there | cannot be read | only root can read them: tried |
| other submissions, grades | not there | cannot be read | the same |
| other files | not there | cannot be read | **those that all may read**: machine-files |
| other processes | not seen | no signal, no memory; not listed | no signal, no memory; **listed** |
| the network, other kernels | none | every connection refused | the same |
| memory, time, processes, a file's size | limited | the same | the same |
| the disk | 64 MB a folder | **no limit while it runs** | **the same**: disk, many-files |
| what is planted, or outlives the run | gone | ended and removed by its user | the same |
"""


def render(outcomes: dict[str, dict]) -> str:
    """The page."""
    ran = [forgery for forgery in FORGERIES if forgery.name in outcomes]
    fooled = sum(outcomes[forgery.name]["believed"] for forgery in ran)
    parts = [HEAD.format(count=len(FORGERIES), plain=len(ran), fooled=fooled)]
    for group, title in GROUPS.items():
        rows = [f for f in FORGERIES if f.group == group]
        parts.append(f"## {title}\n")
        parts.append("| forgery | what it does | plain | coursekit |\n|---|---|---|---|")
        for forgery in rows:
            seen = outcomes.get(forgery.name)
            plain = "–" if seen is None else "✗" if seen["believed"] else "✓"
            why = forgery.why.replace("|", "\\|")
            statuses = " / ".join(forgery.statuses)
            parts.append(f"| {forgery.name} | {why} | {plain} | {statuses} |")
        reasons: dict[str, list[str]] = {}
        for forgery in rows:
            if forgery.plain:
                reasons.setdefault(forgery.plain, []).append(forgery.name)
        parts += [f"\nNot run plainly, {why}: {', '.join(n)}." for why, n in reasons.items()]
        parts.append("")
    return "\n".join([*parts, WEAKER]).rstrip() + "\n"


def read_outcomes() -> dict[str, dict]:
    """{name of a forgery: what the plain run made of it}."""
    return json.loads(OUTCOMES.read_text(encoding="utf-8")) if OUTCOMES.exists() else {}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tests.data.forgeries.table")
    parser.add_argument("names", nargs="*", help="forgeries; those without an outcome if none")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no other run after")
    parser.add_argument("--render", action="store_true", help="run nothing; write the page")
    given = parser.parse_args()
    outcomes = read_outcomes()
    known = {forgery.name for forgery in FORGERIES if runs(forgery)}
    outcomes = {name: outcome for name, outcome in outcomes.items() if name in known}
    if not given.render:
        end = time.monotonic() + given.seconds
        check_controls()
        for forgery in FORGERIES:
            wanted = forgery.name in given.names if given.names else forgery.name not in outcomes
            if wanted and runs(forgery) and time.monotonic() < end:
                fooled, line = believed(forgery.write)
                outcomes[forgery.name] = {"believed": fooled, "last line": line}
                print(f"{forgery.name:24} {'BELIEVED' if fooled else 'seen through':13} {line}")
                _save(outcomes)
        left = [name for name in known if name not in outcomes]
        print(f"{len(left)} left." if left else "All done.")
    _save(outcomes)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(outcomes), encoding="utf-8")


def _save(outcomes: dict[str, dict]) -> None:
    ordered = {f.name: outcomes[f.name] for f in FORGERIES if f.name in outcomes}
    text = json.dumps(ordered, ensure_ascii=False, indent=1) + "\n"
    OUTCOMES.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
