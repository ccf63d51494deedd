"""What the kit raises: each message gives the value, the limit and what to do next."""


class StyletoolsError(Exception):
    """Base of every error that a user can put right; the command line shows its text alone."""


class ImageError(StyletoolsError, ValueError):
    """A picture that cannot be read, or does not fit.

    Attributes:
        code: the kind of fault, for programs: "missing-file", "folder", "not-readable",
            "not-a-picture", "damaged", "too-small", "too-large", "url" (no answer, or not the
            picture), "not-written".
    """

    def __init__(self, message: str, code: str = "not-a-picture") -> None:
        super().__init__(message)
        self.code = code


class BackboneError(StyletoolsError, ValueError):
    """Weights that are missing, damaged, or not in VGG19's layout."""


class ConfigError(StyletoolsError, ValueError):
    """A setting outside its limits."""


class CheckpointError(StyletoolsError, ValueError):
    """A checkpoint that is damaged or belongs to another run."""


OUT_OF_MEMORY = (  # as Python, PyTorch, a GPU's driver, the loader of libraries and Windows say it
    "out of memory", "not enough memory", "allocate memory", "failed to map segment",
    "paging file is too small",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, PyTorch's allocator, a GPU or the system had no memory left."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY)
