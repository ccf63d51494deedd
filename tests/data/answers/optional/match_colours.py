# ruff: noqa
# fmt: off
# Answers to TODO `match_colours`; see README.md.

def statistics(pixels):
    mean = pixels.mean(dim=1, keepdim=True)
    return mean, (pixels - mean) @ (pixels - mean).T / pixels.shape[1]

def power(matrix, exponent):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values**exponent) @ vectors.T

# %% passed: the formula
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    return (A @ (x - m) + n).view_as(style)

# %% passed: by the factors of Cholesky
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = torch.linalg.cholesky(C) @ torch.linalg.inv(torch.linalg.cholesky(S))
    return (A @ (x - m) + n).reshape(style.shape)

# %% wrong colours-matrix-missing: only the mean
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    return (x - m + n).view_as(style)

# %% wrong colours-exchanged: from the content to the style
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(S, 0.5) @ power(C, -0.5)
    return (A @ (x - m) + n).view_as(style)

# %% wrong colours-order: the style's factor in front
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(S, -0.5) @ power(C, 0.5)
    return (A @ (x - m) + n).view_as(style)

# %% wrong colours-roots: no roots
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = C @ power(S, -1)
    return (A @ (x - m) + n).view_as(style)

# %% wrong colours-one-root: whitened alone
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(S, -0.5)
    return (A @ (x - m) + n).view_as(style)

# %% wrong colours-one-root: not whitened
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5)
    return (A @ (x - m) + n).view_as(style)

# %% wrong colours-mean: the style's mean is not taken off
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    return (A @ x + n).view_as(style)

# %% wrong colours-mean: the content's mean forgotten
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    return (A @ (x - m)).view_as(style)

# %% wrong colours-wrong-shape: still flat
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    return A @ (x - m) + n

# %% wrong colours-wrong-shape: the content itself
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    return content.clone()

# %% wrong colours-wrong-value: deviations alone
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    return (x / x.std(1, keepdim=True) * 0.7 + n).view_as(style)

# %% wrong colours-not-a-tensor: numpy
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    return (A @ (x - m) + n).view_as(style).numpy()

# %% wrong colours-input-modified: in place
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    A = power(C, 0.5) @ power(S, -0.5)
    x -= m
    return (A @ x + n).view_as(style)

# %% wrong colours-not-finite: a root of 0
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    return style / 0

# %% not attempted colours-not-attempted: the stub
def match_colours(style, content):
    recoloured = None  # TODO
    return recoloured

# %% raised colours-raised: shapes
def match_colours(style, content):
    x = style[0].flatten(1)
    m, S = statistics(x)
    n, C = statistics(content[0].flatten(1))
    return x - content[0].flatten(1)
