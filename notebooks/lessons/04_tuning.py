# %% [markdown]
# # 4 · Turning the knobs
#
# α, β, the learning rate, the number of steps, the layers' weights: what does each of them do to
# the picture? The assignment says: play with as many settings as you can, and compare. You start
# with four experiments, (a) to (d), that a student of this course once chose. You predict, look,
# compare, and write down what you conclude. Then you make at least two experiments of your own.
# Looking is easy. Comparing is where most reports go wrong, so this lesson gives you a few rules.
#
# **After this lesson you can** read a loss curve, compare two runs without fooling yourself, and
# say what each knob does.
#
# **Time:** on two processor cores the lesson computes for ten to twenty minutes; with the backbone
# `small`, or on a GPU, for two or three. If that is too long, take 300 for `STEPS` below.

# %% setup=true

# %%
from pathlib import Path

from PIL import Image

from styletools import FAST, plot_losses, save_image, show_images, stylize
from styletools.config import EXPERIMENTS
from styletools.course import diagrams
from styletools.lab import RunStore, overlay_losses, picture_grid

# %% [markdown]
# ## The base run
#
# The settings of a run are a `TransferConfig`. Its defaults are the assignment's. `EXPERIMENTS` has
# the same settings, but fewer steps: 500 of Adam's steps take a laptop a minute or two, and the
# assignment's 2000 steps four times as long. If you have a GPU, or time, set `STEPS = 2000`. Runs
# use your graphics card by themselves (`device="auto"`):

# %%
SIZE = course.size(160)  # pixels; the assignment says 400, for those who have a GPU
STEPS = EXPERIMENTS.steps  # the assignment says 2000
BASE = EXPERIMENTS.replace(max_size=SIZE, steps=course.steps(STEPS))

print("α =", BASE.content_weight, " β =", BASE.style_weight, " learning rate =", BASE.learning_rate)
print("layer weights:", BASE.style_weights)

# %% [markdown]
# All runs here use the same two pictures: those that you chose in lesson 0, or else the kit's. If
# you change them, run everything below again.
#
# A run takes minutes, so the kit saves each one and never repeats it. `RunStore` keeps each run as
# a folder in `runs`, beside this notebook: the picture, pictures on the way, the losses of every
# step, and all settings. When you ask for a run that is already there, with the same pictures and
# settings, the store returns it at once. So you may restart the kernel whenever you like, or stop
# a run: the next call resumes it.
#
# *How runs are graded (2 points each):* the base run and (a) to (d) are complete in `runs`, with
# the requested settings, and the picture has the losses that its history ends with. Lesson 5 hands
# the runs in, and tells you first what it finds. You may take another size or more steps, as long
# as all five runs share them.

# %%
content, style = course.my_pictures()
store = RunStore("runs")
results, history = {}, {}
Path("images").mkdir(exist_ok=True)


def run(name, config):
    """Do the run, or find it; its folder and its losses are kept under its name."""
    results[name] = store.run(content, style, config, course.Progress(config.steps))
    history[name] = results[name].losses()
    save_image(Image.open(results[name].picture), f"images/target_{name}.png")


def picture(name, other="base"):
    """Two runs, large, with a detail of each."""
    names = {f"run {n}": Image.open(results[n].picture) for n in (other, name)}
    return diagrams.show_pair(names)


def picture_at(name, step):
    """The picture of a run that was kept nearest to a step."""
    return Image.open(min(results[name].previews, key=lambda p: abs(step - int(p.stem[5:]))))


def curve(name, **options):
    """The run's losses, saved as a file."""
    weights = results[name].config
    figure = plot_losses(
        history[name],
        parts=True,
        content_weight=weights.content_weight,
        style_weight=weights.style_weight,
        **options,
    )
    figure.savefig(f"images/loss_curve_{name}.jpg")
    return figure


def against_base(name):
    """Both losses at the end, without α and β, as multiples of the base run's."""
    run, base = history[name][-1], history["base"][-1]
    for part in ("content", "style"):
        print(f"{part} loss: {run[part] / base[part]:.1f} times the base run's")


# %% grade_id="experiment_base" points=2 tags=["nbval-ignore-output"]
run("base", BASE)

# %%
target = Image.open(results["base"].picture)
originals = {"content": content, "style": style}
shown = {name: Image.open(path).resize(target.size) for name, path in originals.items()}
show_images({**shown, "base run": target}, width=3.6)

# %%
curve("base")

# %% [markdown]
# The left panel shows the total and its two parts, α · content and β · style. The target starts as
# the content, so the content loss begins at 0 and *rises*, while the style loss falls: the picture
# pays for style with content. You cannot see the black line of the total, because it lies below the
# red one: nearly all of the total is style. The right panel shows the style loss of each layer on
# its own.
#
# ## What a loss curve means
#
# The axis above is logarithmic. Here is the same run on a linear axis:

# %%
curve("base", log=False)

# %% [markdown]
# On the linear axis little seems to happen in the second half of the run. On the logarithmic axis
# the loss still falls there, and experiment (c) will show that late steps change the picture. Say
# which axis you used whenever you write that a curve "is flat".
#
# **A travel budget.** Adam divides the gradient by its usual size. So in each step a pixel moves by
# about the learning rate, however steep the loss is. Learning rate times steps is therefore the
# longest way that a pixel can go, its *travel budget*:

# %%
for rate, steps in ((0.003, 500), (0.001, 500), (0.003, 2000), (0.001, 6000)):
    print(f"learning rate {rate}, {steps} steps: at most about {rate * steps:.1f}")

# %% [markdown]
# The pixels are normalised here: from black to white it is about 4.4. With a small budget the
# target cannot get far from the photograph, whatever α and β say. Remember this for (b).
#
# A pixel may even leave the range from black to white while the run goes on. Only the finished
# picture is *clamped*: values beyond black or white are cut off when it is saved. The curve shows
# the losses of the picture before clamping (`clamp=True` clamps at every step instead).
#
# Which layers steer the picture? Here is each layer's share of the style loss, at the first step
# and at the last:

# %% tags=["nbval-ignore-output"]
for place, row in (("first", history["base"][0]), ("last", history["base"][-1])):
    parts = {layer: weight * row[layer] for layer, weight in BASE.style_weights.items()}
    shares = [f"{layer} {part / sum(parts.values()):.0%}" for layer, part in parts.items()]
    print(f"{place} step: {', '.join(shares)}")

# %% [markdown]
# ## How to compare two runs
#
# **Rule 1: totals with different weights cannot be ranked.** The total is α · content + β · style.
# Take one and the same picture and measure it twice, with the base run's weights and with those of
# experiment (a):

# %%
EXPERIMENT_A = BASE.replace(content_weight=10, style_weight=1e5)

last = history["base"][-1]  # the base run's picture
totals = [
    config.content_weight * last["content"] + config.style_weight * last["style"]
    for config in (BASE, EXPERIMENT_A)
]
print(f"the same picture: the second total is {totals[1] / totals[0]:.1f} times the first")

# %% [markdown]
# Nothing about the picture has changed, only the ruler. So compare the content losses with each
# other and the style losses with each other, *before* their weights. The kit stores them that way.
#
# **Rule 2: lower content loss = closer to the photograph; lower style loss = closer to the
# painting.** Usually you cannot have both; then ask what a run gained, and what it gave up.
#
# **Rule 3: change one thing at a time, from the same start.** Experiment (a) changes α and β, but
# for Adam only their ratio counts, so that is one thing. Experiment (d) changes two things, the
# layer weights and the steps; so compare it with the base run *at the same step*. And check the
# first loss: the settings alone determine it.
#
# **Rule 4: look.** A loss measures what the network notices. Your eyes notice other things.
#
# ## (a) More content, less style
#
# With α = 10 and β = 10⁵, style weighs a hundred times less against content than in the base run.

# %% [markdown]
# **My prediction for (a):** *What do you expect of the picture, of the content loss and of the
# style loss, compared with the base run? Write here.*

# %% grade_id="experiment_a" points=2 tags=["nbval-ignore-output"]
run("a", BASE.replace(content_weight=10, style_weight=1e5))

# %%
picture("a")

# %%
curve("a")

# %% tags=["nbval-ignore-output"]
against_base("a")

# %% [markdown]
# **What you conclude from (a).** Compare the picture and both losses with the base run's. What is
# kept, what was given up for it, and is it what you expected?
#
# *How this is graded (5 points):* 2 the pictures compared, 2 content and style loss compared (and
# not the totals), 1 the reason.

# %% [markdown] grade_id="experiment_a_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# I expected more of the photograph, and nothing of that can be seen: the pictures look alike, and
# both losses are 1.0 times the base run's. The reason is in the left figure of the curve. α ·
# content is far below a thousandth of the total in the base run, and with a hundred times the
# influence it is still negligible beside β · style. Adam, in turn, does not care about the size of
# the total, so it takes the same way. Content begins to count where α · content is a visible part
# of the total; figure 4 in lesson 7 shows that. The total is a tenth of the base run's, but that
# says nothing: another ruler measured it.
# <!-- END SOLUTION -->

# %% [markdown]
# ## (b) A smaller learning rate
#
# 0.001 instead of 0.003: the optimiser takes shorter steps, and just as many of them.

# %% [markdown]
# **My prediction for (b):** *Use the travel budget: at which step of the base run should (b) end?
# What will its picture look like? Write here.*

# %% grade_id="experiment_b" points=2 tags=["nbval-ignore-output"]
run("b", BASE.replace(learning_rate=0.001))

# %%
picture("b")

# %%
curve("b")

# %% tags=["nbval-ignore-output"]
against_base("b")
end = history["b"][-1]["style"]
like = next((row["step"] for row in history["base"] if row["style"] <= end), None)
print(f"the base run had the style loss of (b)'s end at step {like:.0f} of {BASE.steps}")

# %% [markdown]
# **What you conclude from (b).** Compare picture and curve with the base run's. Here the totals
# *can* be compared: why? What would happen with more steps?
#
# *How this is graded (5 points):* 2 the pictures compared, 2 the curves compared, 1 why totals may
# be compared here.

# %% [markdown] grade_id="experiment_b_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The picture is smoother and closer to the photograph: the strokes are shorter and paler, the fur
# keeps its own colours. The curve starts at the same value and falls more slowly; the style loss
# ends at 2.8 times the base run's. α, β and the layer weights are the same, so one ruler measures
# both totals and they may be compared. Adam moves a pixel by about the learning rate in each step:
# 500 steps of 0.001 reach as far as 167 steps of 0.003, and indeed (b) ends about where the base
# run was after a third of its steps. With three times the steps it would catch up.
# <!-- END SOLUTION -->

# %% [markdown]
# ## (c) More steps
#
# Two and a half times as many: 1250 instead of 500 (the assignment's 5000 instead of 2000). This is
# the longest run.

# %% [markdown]
# **My prediction for (c):** *What will change in the picture after the base run's last step, and
# what will not? Write here.*

# %% grade_id="experiment_c" points=2 tags=["nbval-ignore-output"]
run("c", BASE.replace(steps=BASE.steps * 5 // 2))

# %%
picture("c")

# %%
curve("c")

# %% tags=["nbval-ignore-output"]
against_base("c")

# %% [markdown]
# Only the number of steps has changed. So (c) must begin like the base run, step by step. This is a
# good check that both runs started from the same pictures:

# %%
same_step = history["c"][BASE.steps - 1]["total"]
print(f"(c) at the base run's last step, ÷ base run: {same_step / last['total']:.1f}")

# %% [markdown]
# **What you conclude from (c).** What did the additional steps change, in the picture and in the
# losses? Where does the curve flatten, on which axis, and were the last steps worth their time?
#
# *How this is graded (5 points):* 2 the pictures compared, 2 the curve, with steps named, 1 a
# judgement with a reason.

# %% [markdown] grade_id="experiment_c_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The strokes are longer and the painting's blue, white and yellow replace the purple that was left
# in the base run; the fur loses more of its own structure. The style loss ends at 0.3 times the
# base run's, the content loss at 1.2 times. On the logarithmic axis the curve falls to the end; in
# absolute numbers the first 500 steps took away 94 % of the first loss, the other 750 about 4 %.
# The additional steps were worth their time: the eye sees clearly what the total hardly shows.
# <!-- END SOLUTION -->

# %% [markdown]
# ## (d) All layers alike
#
# All layer weights 1.0, and half as many steps. Compared with the base run, the layers `conv2_1` to
# `conv5_1` count 1.25, 2, 3.3 and 10 times as much. Two things change at once here, the weights and
# the steps, so the comparison below takes both runs at the same step.

# %% [markdown]
# **My prediction for (d):** *Which layers will come closer to the painting than in the base run?
# What should that do to the strokes? Write here.*

# %% grade_id="experiment_d" points=2 tags=["nbval-ignore-output"]
equal_weights = dict.fromkeys(BASE.style_weights, 1.0)
run("d", BASE.replace(style_weights=equal_weights, steps=BASE.steps // 2))

# %% [markdown]
# The base run had twice as many steps. So its picture is the one that it had at the last step of
# (d):

# %%
step = results["d"].config.steps
at_step = {"base run": picture_at("base", step), "run d": picture_at("d", step)}
diagrams.show_pair({f"{name}, step {step}": image for name, image in at_step.items()})

# %%
curve("d")

# %% [markdown]
# Here even the style losses before β cannot be compared: the layer weights are inside. Each layer
# on its own can, again with both runs at the last step of (d):

# %% tags=["nbval-ignore-output"]
for layer in BASE.style_weights:
    d, base = (history[name][step - 1][layer] for name in ("d", "base"))
    print(f"{layer}: {d / base:.2f} times the base run's")

# %% [markdown]
# **What you conclude from (d).** What changed in the picture: fine texture or large forms? Which
# layers came closer to the painting than in the base run?
#
# *How this is graded (5 points):* 2 the pictures compared, 2 the layers compared one by one, 1 the
# connection between layer and size of structure, the right way round.

# %% [markdown] grade_id="experiment_d_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# At the same step the pictures are hard to tell apart. The layers tell more. conv4_1 came a little
# closer to the painting than in the base run (0.96 times), conv2_1 and conv3_1 stayed further away
# (1.3 times), and conv1_1 and conv5_1 are where they were. On this network conv4_1 has the largest
# share of the style loss (lesson 3), and now it counts 3.3 times as much. So the run spends more of
# its travel budget on conv4_1, and less on the others. Early layers stand for colour and fine
# texture, deep ones for larger strokes and forms.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Early layers alone, deep layers alone
#
# In (d) every layer still had a say. Here are the two extremes: one picture takes its style from
# `conv1_1` and `conv2_1` alone, the other from `conv4_1` and `conv5_1` alone. (These short runs use
# L-BFGS. They are not kept in `runs`, since they are no experiments of the assignment.)

# %% [markdown]
# **My prediction for the extremes:** *Which of the two will have the painting's colours? Which will
# have its long curved strokes? Write here.*

# %% tags=["nbval-ignore-output"]
SHORT = FAST.replace(max_size=SIZE, steps=course.steps(60))
extremes = {}
for name, layers in {"early": ("conv1_1", "conv2_1"), "deep": ("conv4_1", "conv5_1")}.items():
    config = SHORT.replace(style_weights=dict.fromkeys(layers, 1.0))
    extremes[f"{name} layers alone"] = stylize(content, style, config).image

# %%
diagrams.show_pair(extremes)

# %% [markdown]
# **Question.** Which of the two took the colours, and which the strokes? What has that to do with
# the number of pixels that one value of a layer sees (lesson 1)?

# %% [markdown]
# ## All runs together
#
# Content and style loss before α and β, on common axes. Run (d) has other layer weights, and these
# are inside the style loss, which the figure's title reminds you of: do not compare its height,
# only its shape.

# %%
overlay_losses(results)

# %% [markdown]
# The pictures of all runs:

# %%
picture_grid(results, columns=5)

# %% [markdown]
# And layer by layer: how much of the style loss with which all runs started is left at the end?
# Short bars are close to the painting. You may compare the bars of a layer, whatever α, β and the
# layer weights were, since no weight is in them. But remember the steps: (c) ran longer than the
# base run, and (d) only half as long.

# %%
first = history["base"][0]
left = {
    name: {layer: rows[-1][layer] / first[layer] for layer in BASE.style_weights}
    for name, rows in history.items()
}
diagrams.show_bars(left, title="Style loss at the end, as a share of the first step's", log=True)

# %% [markdown]
# ## Two impossible claims
#
# A report on this very assignment says:
#
# 1. "With the smaller learning rate (b), the loss **starts higher** than in the base run."
# 2. "With β = 10⁵ and α = 10 (a), the loss starts at a **fortieth** of the base run's."
#
# **Why can neither be true, if everything else was equal? What must have happened?** Think of what
# the loss at step 1 depends on. Write your answer before you run the cell below it.
#
# *How this is graded (5 points):* 2 what the first loss depends on, 1 each claim, 1 what must have
# happened.

# %% [markdown] grade_id="impossible_claims" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The first loss is computed before the optimiser has moved anything, so it depends on the pictures,
# the network and the weights, and not on the learning rate: (b) has to start exactly where the base
# run does. At the first step the target is the content, so the content loss is 0 and the total is β
# times the style loss; a tenth of β gives exactly a tenth, whatever α is. Other values mean other
# pictures or sizes, or a target that was not made anew and carried an old run on.
# <!-- END SOLUTION -->

# %% [markdown]
# Your own runs give these ratios:

# %% grade_id="first_losses"
for name in "ab":
    ratio = history[name][0]["total"] / history["base"][0]["total"]
    print(f"({name}): first loss ÷ the base run's = {ratio:.1f}")

# %% [markdown]
# ## Your own experiments
#
# Now it is your turn: at least two experiments that you choose yourself. Change the settings in the
# cells below, add cells as you like, and write for each what you expected, what the picture shows,
# what the curve shows, and what you conclude. Questions worth an experiment:
#
# - Which learning rate is too large? How does that look, in the picture and in the curve?
# - Style from `conv1_1` alone; from `conv5_1` alone: `style_weights={"conv5_1": 1.0}`.
# - From which α on can you see the content loss in the picture?
# - `optimizer="lbfgs"`, the paper's: how many steps does it need to get as far as Adam in 500?
# - Start from the style (`start="style"`) or from noise (`start="noise"`): where do the runs end?
# - `tv_weight`: how large must it be before the noise disappears, and the strokes with it?
#
# For each, add code cells below its heading, above the text: `run("mine_1", BASE.replace(…))` with
# your settings, `picture("mine_1")`, and `curve("mine_1")`. To compare two experiments of your own,
# write `picture("mine_2", other="mine_1")`.
#
# ### My first experiment
#
# Write your expectation into the text cell *before* you run; add the rest afterwards.
#
# *How this is graded (5 points):* 1 the expectation, written before the run, 2 picture and curve
# described, 2 a conclusion that they support.

# %% [markdown] grade_id="my_experiment_1_inference" solution=true points=5
# <!-- BEGIN SOLUTION --> (Open: every student chooses another experiment.) A good answer names the
# one thing that was changed, says what was expected and why, and describes picture and curve so
# that a reader can check the words against them. Its conclusion goes no further than the two runs:
# "with ten times the learning rate the picture is grainy and the curve jumps" and not "a large
# learning rate is bad". <!-- END SOLUTION -->

# %% [markdown]
# ### My second experiment
#
# Again, the expectation comes first.
#
# *How this is graded (5 points):* 1 the expectation, written before the run, 2 picture and curve
# described, 2 a conclusion that they support.

# %% [markdown] grade_id="my_experiment_2_inference" solution=true points=5
# <!-- BEGIN SOLUTION --> (Open, as the first.) The second experiment may follow from the first: a
# wrong expectation is a good reason for it. Two runs are compared at equal steps, or at an equal
# travel budget, and the answer says which of the two. <!-- END SOLUTION -->

# %% [markdown]
# ### More, with controls
#
# Move the controls, press **Run**, and watch; **Stop** ends a run and keeps what is there. The
# notebook stays usable in the meantime. `panel.result` holds the last run: its picture, its
# settings (`panel.result.config`) and its losses, ready for `plot_losses` and your report. Finished
# runs are kept in `runs`, with the others; the studio of lesson 6 shows them all.

# %% tags=["nbval-ignore-output", "output-not-kept"]
from styletools.lab import TransferPanel

panel = TransferPanel(max_size=SIZE)
panel

# %% [markdown]
# ## What you have now
#
# Pictures, curves, numbers and conclusions: everything a report needs. You know that a total ranks
# nothing when the weights differ, that learning rate times steps limits how far a picture can go,
# and that the axis decides what "flat" means. Save this notebook with its outputs.
#
# - **Exercise 1.** Find the smallest α whose effect you can see. Which share of the total has it?
# - **Exercise 2.** Repeat (b) with three times the steps. Is the picture the base run's?
#
# Next: [lesson 5](05_handin.ipynb) puts your hand-in together. [Lesson 7](07_figures.ipynb) repeats
# the figures of the paper.
