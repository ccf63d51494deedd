"""Faster, smaller, resumable: what no lesson needs."""
