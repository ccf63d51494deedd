# ruff: noqa
# fmt: off
# Answers to TODO `style_size`; see README.md.

# %% passed: round
def style_size(style_shape, content_shape, scale):
    factor = scale * max(content_shape) / max(style_shape)
    return round(style_shape[0] * factor), round(style_shape[1] * factor)

# %% passed: cut off
def style_size(style_shape, content_shape, scale):
    h, w = style_shape
    longest = scale * max(content_shape)
    if h > w:
        return int(longest), int(longest * w / h)
    return int(longest * h / w), int(longest)

# %% passed: a list
def style_size(style_shape, content_shape, scale):
    k = scale * max(content_shape) / max(style_shape)
    return [round(s * k) for s in style_shape]

# %% wrong size-scale-missing: no scale
def style_size(style_shape, content_shape, scale):
    k = max(content_shape) / max(style_shape)
    return tuple(round(s * k) for s in style_shape)

# %% wrong size-own-size: scale times the style
def style_size(style_shape, content_shape, scale):
    return tuple(round(s * scale) for s in style_shape)

# %% wrong size-other-side: the shortest sides
def style_size(style_shape, content_shape, scale):
    k = scale * min(content_shape) / min(style_shape)
    return tuple(round(s * k) for s in style_shape)

# %% wrong size-stretched: as the assignment does
def style_size(style_shape, content_shape, scale):
    return content_shape

# %% wrong size-stretched: scale times the content
def style_size(style_shape, content_shape, scale):
    return tuple(round(s * scale) for s in content_shape)

# %% wrong size-tall: width with width
def style_size(style_shape, content_shape, scale):
    k = scale * content_shape[1] / style_shape[1]
    return tuple(round(s * k) for s in style_shape)

# %% wrong size-not-whole: no rounding
def style_size(style_shape, content_shape, scale):
    k = scale * max(content_shape) / max(style_shape)
    return tuple(s * k for s in style_shape)

# %% wrong size-not-a-pair: one number
def style_size(style_shape, content_shape, scale):
    return round(scale * max(content_shape))

# %% wrong size-wrong-value: squared
def style_size(style_shape, content_shape, scale):
    k = (scale * max(content_shape) / max(style_shape)) ** 2
    return tuple(round(s * k) for s in style_shape)

# %% not attempted size-not-attempted: the stub
def style_size(style_shape, content_shape, scale):
    size = None  # TODO
    return size

# %% raised size-raised: shapes are no numbers
def style_size(style_shape, content_shape, scale):
    return scale * content_shape / style_shape
