# %% [markdown]
# # 5 · Handing in
#
# One call looks whether everything is there, one call writes the report and packs what your course
# asks for: the notebooks with their outputs, the runs of the experiments, a README, the report as
# PDF and as a web page.
#
# Only what is **saved** can be handed in: save lessons 1 to 4 (Ctrl + S) before you go on.

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

# %% [markdown]
# ## Is everything there?
#
# Each line says what is missing and what to do about it. A wrong answer is not missing: it is
# handed in as it is, and so is an experiment whose settings are others. The experiments are looked
# up in the folder `runs`, where lesson 4 keeps them.

# %% tags=["nbval-ignore-output", "output-not-kept"]
from styletools.course import handin

problems = handin.check()

# %% [markdown]
# ## The report and the package
#
# Fill in the title page. The report takes everything else from your notebooks: your code with its
# explanations, your pictures, the experiments and what you concluded.

# %% tags=["nbval-ignore-output", "output-not-kept"]
author = handin.Author(course="", author="", professor="", student_id="", date="")
package = handin.submit(author)

# %% [markdown]
# Open the report before you hand it in, and read it as somebody would who has not seen your
# notebooks. If something is missing or odd, repair it in the lesson, save, and run the cell again.
