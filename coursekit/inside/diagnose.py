"""The script in which a student's own checks are asked, in the sandbox, beside the whole kit.

What comes out of it is in the student's hands. There is nothing of the instructor's in it: an
answer that needs an earlier one is given the kit's, which every student has.
"""

import json
import os
import sys


def main() -> None:
    """A line for each answer, as soon as its check has ended."""
    import standins  # type: ignore[import-not-found]  # copies, beside this script
    import verdicts  # type: ignore[import-not-found]

    import styletools
    from styletools import config
    from styletools.course import checks

    request = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what answers print is not wanted
    given = ("bundled", "load_image", "save_image", "to_image")
    offers = {name: getattr(styletools, name) for name in (*given, *request["needs"])}
    offers |= {"checks": checks, "STYLE_WEIGHTS": config.STYLE_WEIGHTS}
    desk = verdicts.Desk({**offers, **standins.OFFERS})
    for name, source in request["answers"].items():
        desk.answer(name, source)
        if name in desk.names and desk.names[name] is not desk.offers.get(name):
            found = checks.DIAGNOSES[name](desk.names[name])
            told = [name, found.status, found.code, found.message]
        else:
            told = [name, "not attempted", "", f"No `{name}`. {' '.join(desk.errors)}".strip()]
        os.write(out, f"{json.dumps(told)}\n".encode())


if __name__ == "__main__":
    main()
