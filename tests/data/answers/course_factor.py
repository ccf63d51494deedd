# ruff: noqa
# fmt: off
# Answers to TODO `course_factor`; see README.md.

# %% passed: 4M/N
def course_factor(d, h, w):
    return 4 * h * w / d

# %% passed: the quotient of the divisors
def course_factor(channels, height, width):
    N, M = channels, height * width
    return (4 * N**2 * M**2) / (N**2 * N * M)

# %% passed: a tensor with one number
def course_factor(d, h, w):
    return torch.tensor(4.0) * h * w / d

# %% not attempted factor-not-attempted: the stub
def course_factor(d, h, w):
    factor = None  # TODO 8
    return factor

# %% wrong factor-inverted: from the course to the paper
def course_factor(d, h, w):
    return d / (4 * h * w)

# %% wrong factor-four-missing: M/N
def course_factor(d, h, w):
    return h * w / d

# %% wrong factor-mean-missing: the mean taken for a sum
def course_factor(d, h, w):
    return 4 * d**2 * (h * w) ** 2 / (d * h * w)

# %% wrong factor-size-missing: only the mean
def course_factor(d, h, w):
    return 4 * d**2 * (h * w) ** 2 / d**2

# %% wrong factor-positions: the height alone
def course_factor(d, h, w):
    return 4 * h / d

# %% wrong factor-content-factor: that of the content losses
def course_factor(d, h, w):
    return 2 / (d * h * w)

# %% wrong factor-not-a-number: a text
def course_factor(d, h, w):
    return "4M/N"

# %% wrong factor-hard-coded: for one size
def course_factor(d, h, w):
    return 4 * 35 / 3

# %% wrong factor-wrong-value: something else
def course_factor(d, h, w):
    return 4 * h * w / d**2
