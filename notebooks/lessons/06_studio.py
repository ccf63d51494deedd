# %% [markdown]
# # 6 · The studio
#
# Two pictures, every knob, and all your runs, those of lesson 4 too. Run the two cells below, then
# press **Run** in the panel. Whatever you paint is kept in the folder `runs` beside this notebook.

# %% setup=true

# %% tags=["nbval-ignore-output", "output-not-kept"]
import styletools

styletools.studio()
