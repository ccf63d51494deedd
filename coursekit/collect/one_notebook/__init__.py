"""The older form of the assignment: all TODOs in one notebook."""
