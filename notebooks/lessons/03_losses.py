# %% [markdown]
# # 3 · Losses, and the loop that follows them
#
# Now the two halves meet. You write one number that says how far a picture is from the photograph
# in *content*, one that says how far it is from the painting in *style*, add them up, and let the
# pixels of a third picture, the **target**, move wherever the sum becomes smaller. No network is
# trained here: its weights stay as they are. What learns is the picture.
#
# **After this lesson you can** write the losses of neural style transfer and the loop that makes
# them smaller, say how the course's losses differ from the paper's, and paint your own picture.
#
# **Time:** two runs of 2000 steps. On two processor cores that is about a quarter of an hour of
# computing; on a GPU, or with the backbone `small`, a few minutes. If you cannot wait, set
# `STYLETOOLS_BACKBONE=small` before you start Jupyter, or take fewer pixels below.

# %% setup=true

# %%
import torch

from styletools import (
    ASSIGNMENT,
    bundled,
    gram_matrix,
    load_backbone,
    load_image,
    plot_losses,
    save_image,
    show_images,
)
from styletools.config import STYLE_WEIGHTS
from styletools.course import checks, diagrams

# %% [markdown]
# ## What we start from
#
# A photograph and a painting. The painting is brought to the photograph's size, as in the paper's
# own program: if the two have different shapes, the painting is stretched or squeezed. The
# assignment says 400 pixels. On a laptop 160 is a good start; raise the number when everything
# works, and if you have a GPU.

# %%
SIZE = course.size(160)
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
content = load_image(bundled("content")["chelsea"], max_size=SIZE).to(device)
style = load_image(bundled("style")["impasto"], size=content.shape[-2:]).to(device)
show_images({"content": content, "style": style})

# %% [markdown]
# The features of these two pictures and the Gram matrices of the painting never change. So the
# program computes them once, before the loop. `vgg` gives the features of lesson 1 under the
# paper's names, and `gram_matrix` is the function of lesson 2.
#
# The network is *frozen*: the kit has switched the gradients of its weights off
# (`requires_grad_(False)`). PyTorch then computes gradients only for the pixels, which saves time
# and memory. All tensors must live on one device, so `content` and `style` were moved to `device`
# above, and everything computed from them stays there.

# %%
vgg = load_backbone().features().to(device)
content_features = vgg(content)
style_features = vgg(style)
style_grams = {layer: gram_matrix(feature) for layer, feature in style_features.items()}
print("features at:", ", ".join(content_features))

# %% [markdown]
# ## The content loss
#
# Two pictures show the same thing if their features at `conv4_2` are alike. How alike? The course
# measures the distance as in a regression: the mean squared error, over all channels and positions.
#
# **TODO 3.** Both arguments are dictionaries from layer to features, as `vgg` returns them. Return
# a tensor, not a Python number: the gradient must be able to flow back through it.


# %% grade_id="content_loss" solution=true
def content_loss(target_features, content_features):
    """How far the target's content is from the photograph's: one number, as a tensor."""
    loss = None  # TODO 3
    ### BEGIN SOLUTION
    difference = target_features["conv4_2"] - content_features["conv4_2"]
    loss = torch.mean(difference**2)
    ### END SOLUTION
    return loss


# %% grade_id="check_content_loss" points=5
checks.check_content_loss(globals())

# %% [markdown]
# **Explain (content loss).** Write the formula of the paper (equation 1) beside the one you
# programmed and say in which factor they differ. Why features and not pixels, and why this layer?
#
# *How this is graded (5 points):* 2 both formulas and the factor, 1 features and not pixels, 1 the
# layer, 1 clear language.

# %% [markdown] grade_id="content_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The paper sums and halves: ½ Σ (F − P)². Mine is the mean, so with N channels and M positions it
# is the paper's times 2/(NM); a constant, which a different α would make up for. Pixels differ as
# soon as a colour or a stroke changes, and those are what the style must be free to change.
# Features at conv4_2 still know which shapes are where but hardly what paint they are made of.
# <!-- END SOLUTION -->

# %% [markdown]
# Does the number do what we want? Compared with itself, the photograph must have the loss 0. The
# more we blur it, the more content should be lost. What do you expect for the painting?

# %%
variants = {
    "itself": content,
    "a little blur": diagrams.blurred(content, 1),
    "much blur": diagrams.blurred(content, 4),
    "the painting": style,
}
distances = {}
for name, picture in variants.items():
    distances[name] = content_loss(vgg(picture), content_features)
print("against itself:", distances["itself"].item())

# %%
most = distances["the painting"]
show_images({f"{n}: {distances[n] / most:.1%}": picture for n, picture in variants.items()})

# %% [markdown]
# (100 % is the painting, an unrelated picture.) So a **high** content loss means **less** similar,
# and 0 is the photograph itself. Some reports on this exercise claim the opposite.
#
# ## The style loss of one layer
#
# For style we compare Gram matrices instead of features: G of the target with A of the painting.
# The distance is the same as for the content. A weight says how much this layer counts.
#
# **TODO 4.** The target's *features* come in, and the painting's *Gram matrix*, which is ready. Do
# not divide here; the next TODO brings the sizes in.


# %% grade_id="layer_style_loss" solution=true
def layer_style_loss(target_feature, style_gram, weight):
    """Features (1, d, h, w), Gram matrix (d, d), the layer's weight → one number, as a tensor."""
    loss = None  # TODO 4
    ### BEGIN SOLUTION
    target_gram = gram_matrix(target_feature)
    loss = weight * torch.mean((target_gram - style_gram) ** 2)
    ### END SOLUTION
    return loss


# %% grade_id="check_layer_style_loss" points=5
checks.check_layer_style_loss(globals())

# %% [markdown]
# **Explain (style loss of a layer).** Why is the painting's Gram matrix given, and the target's
# not? What would be lost if you compared the features themselves?
#
# *How this is graded (5 points):* 2 what is constant and what changes during the loop, 2 Gram
# matrices against features, 1 the meaning of the weight.

# %% [markdown] grade_id="layer_style_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The painting does not change, so its matrix is computed once before the loop. The target changes
# at every step, and the gradient has to pass through its Gram matrix, so this matrix is computed
# anew each time. Comparing features would ask for the same strokes at the same places, that is for
# a copy of the painting; the Gram matrices only ask for the same mixture. The weight says how much
# the scale of this layer, from grain to large forms, counts in the whole.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The style loss over all layers
#
# Style lives at several scales, so the style loss adds the layers up. Each layer's loss is divided
# by its size `d * h * w`, where `(1, d, h, w)` is the shape of the target's features there. The
# weights are a dictionary, from layer to number:

# %%
print(STYLE_WEIGHTS)

# %% [markdown]
# **TODO 5.** Sum over the layers of `style_weights`. Use your `layer_style_loss`; it applies the
# weight, so do not apply it a second time.


# %% grade_id="style_loss" solution=true
def style_loss(target_features, style_grams, style_weights):
    """Sum over layers of layer_style_loss / (d·h·w)."""
    loss = 0.0
    for layer, weight in style_weights.items():
        pass  # TODO 5: add this layer's loss, divided by d * h * w
        ### BEGIN SOLUTION
        feature = target_features[layer]
        _, d, h, w = feature.shape
        loss = loss + layer_style_loss(feature, style_grams[layer], weight) / (d * h * w)
        ### END SOLUTION
    return loss


# %% grade_id="check_style_loss" points=5
checks.check_style_loss(globals())

# %%
print("the painting against itself:", style_loss(style_features, style_grams, STYLE_WEIGHTS).item())

# %% [markdown]
# **Explain (style loss).** Write your formula and the paper's (equations 4 and 5). What do the
# layer weights steer: which of them makes fine texture count more, which large forms?
#
# *How this is graded (5 points):* 2 both formulas, 2 early layers mean fine texture and deep layers
# large forms (not the other way round), 1 clear language.

# %% [markdown] grade_id="style_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# Mine: Σ w · mean((G − A)²) / (d·h·w). The paper's: Σ w · Σ(G − A)² / (4N²M²), which is mine
# divided by 4M/N in every layer. A larger weight on conv1_1 and conv2_1 makes colour and fine
# texture count more, since these layers see a few pixels only; a larger weight on conv4_1 and
# conv5_1 makes larger strokes and forms count.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The total
#
# The target should have the content of the photograph *and* the style of the painting. So both
# losses go into one number, each with its own weight (the paper's equation 7).
#
# **TODO 6.** α is the `content_weight`, β the `style_weight`.


# %% grade_id="total_loss" solution=true
def total_loss(content, style, content_weight, style_weight):
    """What the optimiser makes smaller: one number, as a tensor."""
    loss = None  # TODO 6
    ### BEGIN SOLUTION
    loss = content_weight * content + style_weight * style
    ### END SOLUTION
    return loss


# %% grade_id="check_total_loss" points=5
checks.check_total_loss(globals())

# %%
example = total_loss(torch.tensor(2.0), torch.tensor(3.0), content_weight=10, style_weight=1000)
print("10 · 2 + 1000 · 3 =", example.item())

# %% [markdown]
# **Explain (total loss).** What happens to the picture when β grows and α stays? What happens when
# both are doubled? Can totals with different α and β be compared?
#
# *How this is graded (5 points):* 2 the balance, 1 doubling both, 2 comparing totals.

# %% [markdown] grade_id="total_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# A larger β makes the style worth more: the picture takes over more strokes and colours and gives
# up more of the photograph. Doubling both doubles the total and moves no minimum, so the best
# picture is the same (and Adam, whose step hardly depends on the gradient's size, gets there the
# same way). Totals with different weights measure with different rulers: a smaller total then says
# nothing about which picture is better.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The course's losses and the paper's
#
# The exercise and the paper divide differently. For one layer with N channels and M positions, the
# paper writes (equation 4)
#
# $$E_l = \frac{1}{4 N_l^2 M_l^2} \sum_{i,j} \big(G_{ij} - A_{ij}\big)^2$$
#
# **TODO 7.** Write E_l, without a weight. Which of the sizes `d`, `h` and `w` make N, which make M?


# %% grade_id="paper_layer_loss" solution=true
def paper_layer_loss(target_feature, style_gram):
    """Features (1, d, h, w) and Gram matrix (d, d) → the paper's E_l, as a tensor."""
    loss = None  # TODO 7
    ### BEGIN SOLUTION
    _, d, h, w = target_feature.shape
    squares = (gram_matrix(target_feature) - style_gram) ** 2
    loss = squares.sum() / (4 * d**2 * (h * w) ** 2)
    ### END SOLUTION
    return loss


# %% grade_id="check_paper_layer_loss" points=4
checks.check_paper_layer_loss(globals())

# %% [markdown]
# **TODO 8.** By which number must E_l be multiplied to give the course's loss of the same layer
# (TODO 4 with the weight 1, divided by `d * h * w`)? Work it out on paper first: both hold the same
# sum of squares, and only the divisors differ. Return the number for a layer of the given sizes.


# %% grade_id="course_factor" solution=true
def course_factor(d, h, w):
    """The course's loss of a layer, divided by the paper's."""
    factor = None  # TODO 8
    ### BEGIN SOLUTION
    factor = 4 * h * w / d
    ### END SOLUTION
    return factor


# %% grade_id="check_course_factor" points=3
checks.check_course_factor(globals())

# %% [markdown]
# Do not take a formula on trust, not even your own. Here are both losses on made-up features:

# %%
torch.manual_seed(0)
F = torch.randint(0, 5, (1, 8, 6, 4)).double()  # 8 channels, 6 × 4 positions
P = torch.randint(0, 5, (1, 8, 6, 4)).double()
A = gram_matrix(P)
course_loss = layer_style_loss(F, A, 1) / F.numel()
ratio = float(course_loss / paper_layer_loss(F, A))
print(f"course ÷ paper = {ratio:.5f}; your factor = {course_factor(8, 6, 4):.5f}")

# %% [markdown]
# One constant factor would do no harm, since β could make up for it. But the factor is different in
# each layer: the positions become fewer with every pooling, and the channels become more. These are
# the factors for VGG19 and a picture of 400 × 400:

# %%
sizes = {  # VGG19 with all its channels: d, h, w
    "conv1_1": (64, 400, 400),
    "conv2_1": (128, 200, 200),
    "conv3_1": (256, 100, 100),
    "conv4_1": (512, 50, 50),
    "conv5_1": (512, 25, 25),
}
factors = {layer: course_factor(*shape) for layer, shape in sizes.items()}
effective = {layer: STYLE_WEIGHTS[layer] * factor for layer, factor in factors.items()}
print("layer     factor  weight · factor")
for layer, factor in factors.items():
    print(f"{layer} {factor:8.2f} {effective[layer]:16.2f}")

# %%
diagrams.show_bars(
    {
        "course": {layer: value / effective["conv5_1"] for layer, value in effective.items()},
        "paper": dict.fromkeys(sizes, 1.0),
    },
    title="Factor before each layer's loss, as a multiple of conv5_1's",
    log=True,
    bottom=0.3,
)

# %% [markdown]
# The paper weighs the five layers equally; the assignment's factors favour the early layers. But a
# factor is only half of the story: it multiplies a loss, and how large that loss is depends on how
# strongly the network's layers fire. Activations enter the style loss to the fourth power. So only
# the network itself can tell which layer steers the picture. At the first step the target is the
# photograph, and the layers have these shares of the style loss:

# %% tags=["nbval-ignore-output"]
first = {
    layer: float(style_loss(content_features, style_grams, {layer: weight}))
    for layer, weight in STYLE_WEIGHTS.items()
}
shares = {layer: 100 * part / sum(first.values()) for layer, part in first.items()}
print(", ".join(f"{layer} {share:.0f} %" for layer, share in shares.items()))

# %% [markdown]
# Another network would answer differently. That is why the paper rescales its filters until the
# mean activation of each is 1: then no layer is loud by nature, and equal weights mean equal
# influence.
#
# ## A picture twice as large
#
# Lay the photograph beside itself, and do the same with the painting and the target. All features
# then have twice as many positions. (The border between the copies changes a few values; ignore
# it.) The pictures are no less alike than before. Do the losses agree?
#
# **TODO 9.** By which factor does each loss grow, if each picture is laid beside itself so that
# there are `copies` of it? Think before you try: lesson 2 showed what happens to a Gram matrix.
# `layer_style_loss` is your TODO 4, `style_loss` your TODO 5, `paper_layer_loss` your TODO 7.


# %% grade_id="loss_growth" solution=true
def loss_growth(copies):
    """{loss: by which factor it grows with so many copies of each picture}."""
    content = layer_style = style = paper = None  # TODO 9: four factors
    ### BEGIN SOLUTION
    content = 1  # a mean does not care how many values there are
    layer_style = copies**2  # Gram matrices grow with the copies, their squares with the square
    style = copies  # divided once by a size that grows, too
    paper = 1  # divided by the square of M
    ### END SOLUTION
    return {
        "content_loss": content,
        "layer_style_loss": layer_style,
        "style_loss": style,
        "paper_layer_loss": paper,
    }


# %% grade_id="check_loss_growth" points=3
checks.check_loss_growth(globals())

# %%
two_f, two_p = torch.cat([F, F], dim=3), torch.cat([P, P], dim=3)
one, two = layer_style_loss(F, A, 1), layer_style_loss(two_f, gram_matrix(two_p), 1)
print("content loss:      ×", float(((two_f - two_p) ** 2).mean() / ((F - P) ** 2).mean()))
print("layer_style_loss:  ×", float(two / one))
print("÷ d·h·w:           ×", float(two / two_f.numel() / (one / F.numel())))
two_paper = paper_layer_loss(two_f, gram_matrix(two_p))
print("E_l:               ×", float(two_paper / paper_layer_loss(F, A)))

# %% [markdown]
# So α and β do not mean the same at every size. With the course's losses a larger picture makes the
# *style* count more. With the paper's losses it is the other way round: E_l stays, and the content
# loss, a sum over all positions, grows. If you change the size, expect to change the weights, too.

# %% [markdown]
# The paper differs in more than its divisors:
#
# | setting | the paper | the assignment | your run below |
# |---|---|---|---|
# | pooling | average | maximum | maximum (`small`: average) |
# | filters | rescaled: mean activation 1 | as they were trained | as they were trained |
# | optimiser | L-BFGS | Adam, learning rate 0.003 | the same |
# | target at the start | white noise | the content | the content |
# | weights of the style layers | equal | 1, 0.8, 0.5, 0.3, 0.1 | the same |
# | α ÷ β | 10⁻⁴ to 10⁻¹ | 10⁻⁶ | 10⁻⁶ |
# | longest side | about 512 pixels | 400 pixels | 160 pixels, unless you change it |
#
# You cannot compare the ratios α ÷ β: with other divisors, other filters and another size, the same
# ratio means something else.
#
# ## The loop
#
# Gradient descent on a picture. In each step:
#
# 1. compute the total loss of the target;
# 2. clear the gradients of the step before (PyTorch adds to them otherwise);
# 3. compute the gradient of the loss with respect to the target's pixels;
# 4. let the optimiser move the pixels a little;
# 5. write down the loss, as a plain number: `total.item()`. (Keep the tensor, and you keep the
#    whole computation behind it in memory.)
#
# **TODO 10.** `loss_of(target)` gives the total loss. Return the list of all losses.


# %% grade_id="optimise" solution=true
def optimise(target, optimizer, loss_of, steps):
    """Move the target's pixels `steps` times; returns the loss of each step as a list of floats."""
    loss_history = []
    for step in range(steps):
        pass  # TODO 10: the five lines described above
        ### BEGIN SOLUTION
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
        ### END SOLUTION
    return loss_history


# %% grade_id="check_optimise" points=5
checks.check_optimise(globals())

# %% [markdown]
# **Explain (loop).** What is being optimised here, and what is not? What would happen without
# `zero_grad`, and why does the history hold numbers and not tensors?
#
# *How this is graded (5 points):* 2 the target's pixels and not the network, 2 gradients that add
# up, 1 numbers and not tensors.

# %% [markdown] grade_id="optimise_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The pixels of the target are the only parameters; the network is frozen and serves as a measuring
# device. Without zero_grad each step's gradient would be added to all the earlier ones, and the
# picture would go on moving in old directions. A tensor would hold on to the graph it was computed
# with, so memory would grow with every step; item() keeps the value alone.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Run it
#
# The assignment's settings: start from a copy of the content, Adam with learning rate 0.003, 2000
# steps, α = 1, β = 10⁶. The cell that runs the loop also makes the target. You will see below why.
#
# We know one thing before the run. At the first step the target is the content, so the content loss
# is 0, and the whole total comes from the style:

# %%
content_weight, style_weight = ASSIGNMENT.content_weight, ASSIGNMENT.style_weight


def loss_of(target):
    features = vgg(target)
    content_part = content_loss(features, content_features)
    style_part = style_loss(features, style_grams, STYLE_WEIGHTS)
    return total_loss(content_part, style_part, content_weight, style_weight)


print("content loss at the start:", content_loss(vgg(content), content_features).item())

# %% [markdown]
# **My prediction for the base run:** *What will become of the eyes, of the fur, of the background?
# How much of the first loss will be left after a tenth of the steps? Write here.*

# %% tags=["nbval-ignore-output"]
steps = course.steps(ASSIGNMENT.steps)
progress = course.Progress(steps, show_every=steps // 5)  # with 2000 steps: every 400

target = content.clone().requires_grad_(True)
optimizer = torch.optim.Adam([target], lr=ASSIGNMENT.learning_rate)
loss_history = optimise(target, optimizer, progress.watch(loss_of), steps)

# %%
show_images({"content": content, "style": style, "target": target}, width=3.4)

# %%
show_images({f"step {step}": picture for step, picture in progress.pictures.items()}, columns=5)

# %% [markdown]
# The loss curve, kept as a file for your report:

# %%
from pathlib import Path

Path("images").mkdir(exist_ok=True)
save_image(target, "images/target_base.png")
curve = plot_losses(loss_history, title="Total Loss Over Iterations")
curve.savefig("images/loss_curve_base.jpg")
curve

# %% tags=["nbval-ignore-output"]
for percent in (10, 25, 50, 100):
    step = steps * percent // 100
    left = loss_history[step - 1] / loss_history[0]
    print(f"step {step}: {100 * left:.1f} % of the first loss is left")

# %% [markdown]
# The axis is logarithmic: each grid line stands for ten times the value of the line below. So the
# small values at the end are visible, too. On a linear axis (`log=False`) the second half looks
# flat and close to zero. Neither axis is wrong, but they answer different questions. The linear
# axis shows where most of the loss disappears; the logarithmic axis shows whether the run still
# improves.
#
# **What you conclude (base run).** Describe the picture and the curve: what was taken over from the
# painting, what is left of the photograph, when did most of the loss disappear? Compare with your
# prediction.
#
# *How this is graded (5 points):* 2 the picture, described so that somebody who does not see it
# would know, 2 the curve, 1 no claim that the pictures or numbers do not support.

# %% [markdown] grade_id="base_run_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The cat is recognisable by its eyes, its nose and its outline. Fur and background have become long
# brush strokes in the painting's blue, yellow and white, which follow the lines of the fur. Brown
# and purple strokes on the cheeks are all that is left of the photograph's colours. At step 200, 16
# % of the first loss is left, at step 500 6 %, at the end 1 %. So most of the loss disappears
# early. On the logarithmic axis the curve falls to the end; in absolute numbers the last thousand
# steps change little.
# <!-- END SOLUTION -->

# %% [markdown]
# ## A cell that is run again
#
# You change nothing, and run the loop once more. What happens? That depends on the cell that made
# the target. If an earlier cell made it, the run **goes on from the old picture**. Such a run is
# neither a fresh start nor a fair comparison. Here the loop runs three times: with a fresh target,
# again with the same target, and with another fresh target.


# %%
def fresh_start():
    target = content.clone().requires_grad_(True)
    return target, torch.optim.Adam([target], lr=ASSIGNMENT.learning_rate)


target_1, optimizer_1 = fresh_start()
first = optimise(target_1, optimizer_1, loss_of, 20)
again = optimise(target_1, optimizer_1, loss_of, 20)  # the same target: it goes on

target_2, optimizer_2 = fresh_start()
fresh = optimise(target_2, optimizer_2, loss_of, 20)

print(f"fresh target: the loss begins at {fresh[0] / first[0]:.0%} of the first run's")

# %% tags=["nbval-ignore-output"]
print(f"same target: the loss begins at {again[0] / first[0]:.0%} of the first run's")

# %% [markdown]
# If a loss curve of yours begins far below the others, this is the first thing to suspect.
#
# ## Your own pictures
#
# **TODO 11.** Give the two pictures that you chose in lesson 0: a photograph of your own and a
# style that you like. Put the files beside this notebook (for instance into its folder `images`)
# and give their paths, or give an address that begins with `https://`. Photographs with one clear
# subject and styles with visible strokes work best. Take pictures that you are free to use, and
# name their sources.

# %% grade_id="own_pictures" solution=true
my_content = None  # TODO 11: "images/my_photograph.jpg"
my_style = None  # TODO 11: "images/my_style.jpg"
### BEGIN SOLUTION
my_content = bundled("content")["astronaut"]
my_style = bundled("style")["stained_glass"]
### END SOLUTION

# %% grade_id="check_own_pictures" points=5
checks.check_own_pictures(globals())

# %% [markdown]
# **My prediction for my pictures:** *Which parts of your photograph will still be recognised, and
# which will dissolve into strokes? Write here.*
#
# The next cell makes all parts of the run anew: features, Gram matrices, target and optimiser.

# %% tags=["nbval-ignore-output"]
content = load_image(my_content, max_size=SIZE).to(device)
style = load_image(my_style, size=content.shape[-2:]).to(device)
content_features = vgg(content)
style_grams = {layer: gram_matrix(feature) for layer, feature in vgg(style).items()}

progress = course.Progress(steps, show_every=steps // 5)
target, optimizer = fresh_start()
loss_history = optimise(target, optimizer, progress.watch(loss_of), steps)

# %%
save_image(target, "images/target_own.png")
show_images({"my content": content, "my style": style, "target": target}, width=3.4)

# %%
curve = plot_losses(loss_history, title="Total Loss Over Iterations")
curve.savefig("images/loss_curve_own.jpg")
curve

# %% [markdown]
# **Question.** Was your prediction right? If the result disappoints you, is the photograph the
# reason (too many small things?), the style (no clear strokes?), or the settings? Lesson 4 gives
# you the means to find out.
#
# ## What you have now
#
# All of neural style transfer, written by you: a content loss, a style loss over five layers, their
# weighted total, and the loop that follows its gradient to the pixels. You know how the course's
# losses differ from the paper's, and what a larger picture does to them. The kit's `stylize` does
# the same in one call, and keeps a record of everything.
#
# - **Exercise 1.** Start from noise instead of the photograph. Which lines change? What do you see?
# - **Exercise 2.** Two styles at once: average the Gram matrices of two paintings, layer by layer,
#   and paint with the average. Is the result between the two?
#
# Next: [lesson 4](04_tuning.ipynb) turns the knobs.
