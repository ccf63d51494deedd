# %% [markdown]
# # 7 · The paper's figures
#
# A paper is best understood by repeating it. Here you repeat five figures of Gatys, Ecker and
# Bethge, *Image Style Transfer Using Convolutional Neural Networks* ([CVPR
# 2016](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html)),
# each with a few lines. (You met the upper half of figure 1 in lesson 1; the lower half is an
# exercise of lesson 2.) This lesson gives no points.
#
# **After this lesson you can** say what each figure of the paper shows, repeat it with pictures of
# your own, and tell which of its settings made the difference.
#
# **Time:** about six minutes of computing on two processor cores, one minute with `small`, less on
# a GPU. The pictures are small so that you need not wait long; raise `SIZE` if you have time.
#
# Before each figure, write down what you expect. A wrong expectation teaches more than none.

# %% setup=true

# %%
from styletools import TransferConfig, bundled, show_images
from styletools.lab import RunStore, picture_grid, sweep, tradeoff

SIZE = course.size(128)  # pixels of the longest side
RECIPE = TransferConfig(max_size=SIZE, optimizer="lbfgs", steps=course.steps(60))

content = bundled("content")["chelsea"]
style = bundled("style")["impasto"]
store = RunStore("figures")  # finished runs are kept there, and never repeated

# %% [markdown]
# All runs use the paper's optimiser, L-BFGS. (It measures the slope several times before each
# move, so it needs a function, a *closure*, that computes the loss anew whenever it asks. That is
# why `torch.optim.LBFGS` cannot work in your loop of lesson 3 as it stands.)
#
# ## Figure 4: content against style
#
# The paper turns one knob, α/β, and shows four pictures, two by two. `tradeoff` makes the four
# settings, with the paper's divisors and its rescaled filters. A ratio has a meaning only for one
# network and one size. So the kit first divides each loss by its value between two photographs.

# %% [markdown]
# **My prediction for figure 4:** *Which of the four pictures shows the most of the cat? Which is
# nothing but paint? Write here.*

# %% tags=["nbval-ignore-output"]
ratios = tradeoff(RECIPE)
figure_4 = sweep(RECIPE, ratios, content, style, store, progress=False).runs
picture_grid(figure_4, columns=2)

# %% [markdown]
# **Question.** Each ratio is ten times the one before. Between which two pictures do you see the
# largest change? Where would you stop, and for what purpose?
#
# ## Figure 3: one photograph, many styles
#
# The settings stay the same (α/β = 10⁻³, as in the paper); only the painting changes.

# %% [markdown]
# **My prediction for figure 3:** *Which of the four styles, impasto, woodblock, stained glass or
# mosaic, will hide the cat the most? Write here.*

# %% tags=["nbval-ignore-output"]
PAINTED = ratios["α/β = 1e-3"]
names = ["impasto", "woodblock", "stained_glass", "mosaic"]
figure_3 = {name: store.run(content, bundled("style")[name], PAINTED) for name in names}
picture_grid(figure_3, columns=2)

# %% [markdown]
# **Question.** Look at the eyes of the cat in all four pictures. What do they have in common,
# although nobody told the program what an eye is?
#
# ## Figure 5: a shallow or a deep content layer
#
# The content loss may compare any layer. The paper compares `conv2_2` with `conv4_2`.

# %% [markdown]
# **My prediction for figure 5:** *Which layer keeps more of the photograph's fine detail, and which
# lets the strokes bend the shapes? Write here.*

# %% tags=["nbval-ignore-output"]
MORE_CONTENT = ratios["α/β = 1e-2"]
figure_5 = {
    layer: store.run(content, style, MORE_CONTENT.replace(content_layers=[layer]))
    for layer in ("conv2_2", "conv4_2")
}
picture_grid(figure_5, columns=2, width=4.5)

# %% [markdown]
# **Question.** In which of the two pictures does the paint lie *on* the photograph, and in which is
# the photograph *made of* paint? What has that to do with the number of pixels that one value of
# the layer sees (lesson 1)?
#
# ## Figure 6: where the target starts
#
# The assignment starts from a copy of the content. The paper also starts from the style, and from
# noise. Two different noises are shown here, `seed=0` and `seed=1`.

# %% [markdown]
# **My prediction for figure 6:** *Will the four starts end in the same picture? Write here.*

# %% tags=["nbval-ignore-output"]
starts = {
    "start: content": PAINTED.replace(start="content"),
    "start: style": PAINTED.replace(start="style"),
    "start: noise, seed 0": PAINTED.replace(start="noise", seed=0),
    "start: noise, seed 1": PAINTED.replace(start="noise", seed=1),
}
figure_6 = sweep(RECIPE, starts, content, style, store, progress=False).runs
picture_grid(figure_6, columns=2)

# %% [markdown]
# **Question.** Which starts leave traces in the result? Only one of these starts can give many
# different pictures of the same two originals: which one, and why?
#
# ## Figure 7: from photograph to photograph
#
# A style need not be a painting. The paper paints London by day in the style of New York by night.
# Here a portrait meets the night sky of a rocket launch.

# %% [markdown]
# **My prediction for figure 7:** *What can the style of a photograph be? Write here.*

# %% tags=["nbval-ignore-output"]
portrait, launch = bundled("content")["astronaut"], bundled("content")["rocket"]
figure_7 = store.run(portrait, launch, ratios["α/β = 1e-2"])
picture_grid({"astronaut in the style of rocket": figure_7}, width=5)

# %% [markdown]
# **Question.** At this ratio little was taken over. Repeat the run with `ratios["α/β = 1e-4"]`.
# What comes from the second photograph then: colours, light, textures, things? The result does not
# look like a photograph. What is missing? (Luan and others, *Deep Photo Style Transfer*, CVPR 2017,
# add a term to the loss for exactly that.)
#
# ## What came after
#
# The method of 2016 solves an optimisation problem for each picture. Most of what followed makes it
# faster, steers it, or replaces it.
#
# - **One pass instead of hundreds of steps.** Johnson, Alahi and Fei-Fei (2016) train a network
#   that paints in one style. Its loss is the one that you wrote, averaged over many photographs.
#   Huang and Belongie (2017) go further with *AdaIN*: one network takes any style, by giving each
#   channel of the content the mean and the spread of the style's channel.
# - **Why second moments?** A Gram matrix holds products of channels, summed over positions: second
#   moments of the features. Li, Wang, Liu and Hou (*Demystifying Neural Style Transfer*, 2017)
#   prove that comparing Gram matrices means comparing two clouds of feature vectors with a measure
#   called MMD. Any statistic of the clouds can take its place; means and spreads already go far.
# - **Smoothness.** Many programs add the *total variation*, the sum of differences between
#   neighbouring pixels. A small weight removes pixel noise, a large one blurs (`tv_weight`).
# - **Video.** If each frame is painted alone, the strokes flicker. Ruder and others (2016) let the
#   strokes follow the motion in the film.
# - **Control.** Gatys and others (2017) keep the photograph's colours, paint regions differently,
#   and choose the size of the strokes: lesson 8.
# - **Diffusion models** (from 2021) take a sentence as the style. They have seen millions of
#   pictures, so they know what *a face in oil* looks like; the Gram matrix knows one painting.
#
# **How is a stylisation judged?** Mostly people choose between two pictures. *ArtFID* (Wright and
# Ommer, 2022) is a number made to agree with them. It compares sets of pictures, so it says little
# about a single one, and people disagree with it and with each other.
#
# **Whose picture is it?** A style as such is not protected in most countries, but a painting is,
# and imitations can harm a living artist. Use paintings that are free to use, name the artist and
# the photographer, and ask if you want to sell.
#
# ## What you have now
#
# - The paper's figures 3 to 7, made by yourself, and a page on what followed.
# - **Exercise 1.** Repeat figure 5 with `conv1_1` and `conv5_1`. Predict first.
# - **Exercise 2.** Repeat figure 4 with your own two pictures. Does your favourite ratio change?
#
# Next: [lesson 8](08_control.ipynb), optional, keeps colours, sizes strokes and paints regions. The
# studio of lesson 6 has all the knobs in one panel.
