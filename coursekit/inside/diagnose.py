"""The script in which a student's own checks are asked, in the sandbox, beside the whole kit.

The notebook runs as for a verdict, and each check that is wanted looks where it stands; where it
does not accept what it finds, the notebook goes on with the kit's, as on the student's machine.
What comes out of it is in the student's hands, and there is nothing of the instructor's in it.
"""

import json
import os
import sys
from typing import Any


def main() -> None:
    """A line for each answer, as soon as its check has ended."""
    import cells  # type: ignore[import-not-found]  # copies, beside the kit
    import doors  # type: ignore[import-not-found]
    import state  # type: ignore[import-not-found]
    import syntax  # type: ignore[import-not-found]

    from styletools.course import checks

    request = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what answers print is not wanted
    state.spare_dynamo()
    doors.plain_machine()
    doors.EveryDeviceCpu().__enter__()
    checks._report = lambda *_: None  # a student's own call of a check changes no name here

    def tell(name: str, book: Any) -> None:
        if name in book.names:
            with book.here():
                found = checks.DIAGNOSES[name](book.names[name])
            told = [name, found.status, found.code, found.message]
            if not found.accepted:
                book.names[name] = checks.KIT[name]
        else:
            failure = book.blamed(name)
            hint = syntax.odd_characters(failure.source) if failure else ""
            told = [name, "raised", "", f"No `{name}`. {failure}{hint}"]
            if failure is None:
                told = [name, "not attempted", "", f"No `{name}`."]
        os.write(out, f"{json.dumps(told)}\n".encode())

    for run in request["runs"]:
        book, waiting = cells.Cells(run["modules"]), [*run["wanted"]]
        for label, source, places in run["cells"]:
            if not waiting:
                break
            book.run(source, label)
            for name in places:
                if name in waiting:
                    waiting.remove(name)
                    tell(name, book)
        for name in waiting:
            tell(name, book)


if __name__ == "__main__":
    main()
