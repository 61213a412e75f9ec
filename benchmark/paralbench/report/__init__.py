"""Leaderboards and transfer tables, drawn from a run's tables alone."""
