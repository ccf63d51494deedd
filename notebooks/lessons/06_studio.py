# %% [markdown]
# # 6 · The studio
#
# Two pictures, every knob, and all your runs, those of lesson 4 too. Run the two cells below, then
# press **Run** in the panel. Whatever you paint is kept in the folder `runs` beside this notebook.

# %%
# The kit: if it is not installed here (on Colab, say), this cell installs it or says what to do.
try:
    import styletools
except ModuleNotFoundError:
    import subprocess
    import sys
    from pathlib import Path

    here = Path.cwd()
    places = [here, *here.parents, *here.glob("*/")]
    kits = [place for place in places if (place / "styletools" / "__init__.py").exists()]
    if not kits:
        raise SystemExit(
            "styletools is not installed here. Get the course's kit first; on Colab, for example,\n"
            "    !git clone ADDRESS-THAT-YOUR-COURSE-GIVES\n"
            "and run this cell again: it finds the folder and installs it."
        ) from None
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", kits[0]], check=True)
    sys.path.insert(0, str(kits[0]))

from styletools import course

course.begin()  # figures appear below the cell that returns them

# %% tags=["nbval-ignore-output", "output-not-kept"]
import styletools

styletools.studio()
