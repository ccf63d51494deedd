#!/usr/bin/env bash
# Gradescope runs this for each submission. What it prints, only instructors see.
ROOT=${AUTOGRADER_ROOT:-/autograder}
export PYTHONPATH=$ROOT/source/course
cd "$ROOT/source/course" || exit 1
exec "${COURSEKIT_VENV:-/usr/local/coursekit}/bin/python" -m coursekit.gradescope "$ROOT"
