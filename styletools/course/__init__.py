"""What the lessons need, and nothing else."""

from styletools.course.notebook import QUICK, Progress, begin, size, steps

__all__ = ["QUICK", "Progress", "begin", "size", "steps"]
