# %% [markdown]
# # 5 · Handing in
#
# The first call below checks whether everything is there. The second writes the report and packs
# what your course asks for: the notebooks with their outputs, the runs of the experiments, a
# README, and the report as PDF and as a web page.
#
# **After this lesson you have** one file to hand in. **Time:** a quarter of an hour, most of it for
# reading your own report.
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
# explanations, your pictures, what you predicted, the experiments, and what you concluded.

# %% tags=["nbval-ignore-output", "output-not-kept"]
author = handin.Author(course="", author="", professor="", student_id="", date="")
package = handin.submit(author)

# %% [markdown]
# Open the report before you hand it in, and read it as if you had not seen the notebooks. If
# something is missing or odd, repair it in the lesson, save, and run the cell again.
#
# *How the report is graded (15 points):* 4 everything is there, 4 pictures and curves that a reader
# can use, 4 claims that follow from them, 3 clear language.
#
# - **Exercise 1.** Exchange reports with somebody. Which sentence do you not believe, and why?
# - **Exercise 2.** Choose one conclusion of yours. Which run would prove it wrong?
#
# Next: [lesson 6](06_studio.ipynb) is for playing, [lesson 7](07_figures.ipynb) repeats the paper's
# figures.
