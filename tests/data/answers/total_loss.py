# ruff: noqa
# fmt: off
# Answers to TODO `total_loss`; see README.md.

# %% passed: as in the assignment
def total_loss(content, style, content_weight, style_weight):
    total = content_weight * content + style_weight * style
    return total

# %% passed: own names, the other way round
def total_loss(c, s, alpha, beta):
    return s * beta + c * alpha

# %% passed: a dot product
def total_loss(content, style, content_weight, style_weight):
    return torch.dot(torch.stack([content, style]), torch.tensor([content_weight, style_weight]))

# %% passed: torch.add
def total_loss(content, style, content_weight, style_weight):
    return torch.add(content.mul(content_weight), style, alpha=style_weight)

# %% passed: the ratio times α
def total_loss(content, style, content_weight, style_weight):
    return content_weight * (content + style_weight / content_weight * style)

# %% passed: a sum over a list
def total_loss(content, style, content_weight, style_weight):
    return sum(w * l for w, l in zip((content_weight, style_weight), (content, style)))

# %% not attempted total-not-attempted: the stub
def total_loss(content, style, content_weight, style_weight):
    total = None  # TODO 3d
    return total

# %% wrong total-swapped-weights: α and β exchanged
def total_loss(content, style, content_weight, style_weight):
    return style_weight * content + content_weight * style

# %% wrong total-no-weights: none
def total_loss(content, style, content_weight, style_weight):
    return content + style

# %% wrong total-content-weight-missing: α = 1 taken for granted
def total_loss(content, style, content_weight, style_weight):
    return content + style_weight * style

# %% wrong total-style-weight-missing: β missing
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content + style

# %% wrong total-style-missing: the style forgotten
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content

# %% wrong total-content-missing: = for +=
def total_loss(content, style, content_weight, style_weight):
    total = content_weight * content
    total = style_weight * style
    return total

# %% wrong total-multiplied: * for +
def total_loss(content, style, content_weight, style_weight):
    return (content_weight * content) * (style_weight * style)

# %% wrong total-subtracted: - for +
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content - style_weight * style

# %% wrong total-halved: averaged
def total_loss(content, style, content_weight, style_weight):
    return (content_weight * content + style_weight * style) / 2

# %% wrong total-normalised-weights: a weighted mean
def total_loss(content, style, content_weight, style_weight):
    return (content_weight * content + style_weight * style) / (content_weight + style_weight)

# %% wrong total-one-weight-for-both: β on both
def total_loss(content, style, content_weight, style_weight):
    return style_weight * (content + style)

# %% wrong total-weights-twice: squared weights
def total_loss(content, style, content_weight, style_weight):
    content, style = content_weight * content, style_weight * style
    return content_weight * content + style_weight * style

# %% wrong total-divided: / for *
def total_loss(content, style, content_weight, style_weight):
    return content / content_weight + style / style_weight

# %% wrong total-weights-added: + for *
def total_loss(content, style, content_weight, style_weight):
    return content_weight + content + style_weight + style

# %% wrong total-hard-coded: the assignment's numbers
def total_loss(content, style, content_weight, style_weight):
    return 1 * content + 1e6 * style

# %% wrong total-python-float: items
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content.item() + style_weight * style.item()

# %% wrong total-detached: a new tensor
def total_loss(content, style, content_weight, style_weight):
    return torch.tensor(content_weight * content.item() + style_weight * style.item())

# %% wrong total-wrong-gradient: the content detached
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content.detach() + style_weight * style

# %% wrong total-input-modified: in place
def total_loss(content, style, content_weight, style_weight):
    content *= content_weight
    style *= style_weight
    return content + style

# %% wrong total-not-a-tensor: two values
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content, style_weight * style

# %% raised total-none-left: a None left
def total_loss(content, style, content_weight, style_weight):
    weighted_content = content_weight * content
    weighted_style = None
    return weighted_content + weighted_style

# %% raised total-name-not-set: starts from nothing
def total_loss(content, style, content_weight, style_weight):
    total += content_weight * content + style_weight * style
    return total

# %% wrong total-parameters: fewer arguments
def total_loss(content, style):
    return content + 1e6 * style

# %% wrong total-no-return: printed, not returned
def total_loss(content, style, content_weight, style_weight):
    print(content_weight * content + style_weight * style)

# %% wrong total-wrong-value: something else
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content + style_weight * style**2

# %% wrong total-wrong-value: an epsilon
def total_loss(content, style, content_weight, style_weight):
    return content_weight * content + style_weight * style + 1e-4
