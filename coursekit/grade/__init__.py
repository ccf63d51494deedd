"""From answers to points."""
