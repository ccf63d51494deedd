# %% [markdown]
# # 6 · The studio
#
# One panel with two pictures, every knob, and all your runs, also those of lesson 4. Run the two
# cells below, then press **Run** in the panel. The folder `runs` beside this notebook keeps
# whatever you paint.
#
# - **Exercise 1.** Find settings in which the photograph can just be recognised.
# - **Exercise 2.** Find the fewest steps after which you still like the picture.
#
# Next: [lesson 7](07_figures.ipynb) repeats the paper's figures.

# %% setup=true

# %% tags=["nbval-ignore-output", "output-not-kept"]
import styletools

styletools.studio()
