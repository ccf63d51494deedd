# %% [markdown]
# # 5 · Handing in
#
# One call looks whether everything is there, one call writes the report and packs what your course
# asks for: the notebooks with their outputs, the runs of the experiments, a README, the report as
# PDF and as a web page.
#
# Only what is **saved** can be handed in: save lessons 1 to 4 (Ctrl + S) before you go on.

# %% setup=true

# %% [markdown]
# ## Is everything there?
#
# Each line says what is missing and what to do about it. Wrong answers count as present and are
# handed in unchanged; so are experiments with other settings. The experiments are looked up in the
# folder `runs`, where lesson 4 keeps them.

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
