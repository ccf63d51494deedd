# Set-up, to be run as it is: it finds the course's kit, or installs it, or says what to do.
try:
    import styletools
except ModuleNotFoundError:
    import subprocess
    import sys
    from pathlib import Path

    here = Path.cwd()
    places = [here, *here.parents, *here.glob("*/")]
    kit = next((p for p in places if (p / "styletools" / "__init__.py").exists()), None)
    if kit is None:
        raise SystemExit(
            "styletools is not installed here. Get the course's kit first; on Colab, for example,\n"
            "    !git clone ADDRESS-THAT-YOUR-COURSE-GIVES\n"
            "and run this cell again: it finds the folder and installs it."
        ) from None
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", kit], check=True)
    sys.path.insert(0, str(kit))

from styletools import course

course.begin()  # figures appear below the cell that returns them
