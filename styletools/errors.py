"""What the kit raises: each message gives the value, the limit and what to do next."""


class StyletoolsError(Exception):
    """Base of every error that a user can put right; the command line shows its text alone."""


class ImageError(StyletoolsError, ValueError):
    """A picture that cannot be read, or does not fit."""


class BackboneError(StyletoolsError, ValueError):
    """Weights that are missing, damaged, or not in VGG19's layout."""


class ConfigError(StyletoolsError, ValueError):
    """A setting outside its limits."""


class CheckpointError(StyletoolsError, ValueError):
    """A checkpoint that is damaged or belongs to another run."""
