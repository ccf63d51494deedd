#!/usr/bin/env bash
# Gradescope runs this once, as root, when it makes the image. Ubuntu 22.04 or later.
set -euo pipefail
COURSE=${AUTOGRADER_ROOT:-/autograder}/source/course
VENV=${COURSEKIT_VENV:-/usr/local/coursekit}  # where every user can read it

apt-get update -qq
apt-get install -y -qq make
apt-get install -y -qq bubblewrap || true  # used where the container lets it
for VERSION in 3.13 3.12 3.11; do
  apt-get install -y -qq "python$VERSION" "python$VERSION-venv" && break
done
make -C "$COURSE" PYTHON="python$VERSION" VENV="$VENV" TORCH=cpu "$VENV/installed-grading"
"$VENV/bin/python" -c "from coursekit.course import allowed_libraries as names; print(*names())" |
  xargs -r "$VENV/bin/pip" install --quiet  # what students may use, by course.toml

# What a student's code runs as must not read the solutions.
chmod -R o-rwx "$COURSE"
"$VENV/bin/coursekit" sandbox --allow-weaker-sandbox
