"""The sections of a page, each built from a run's tables."""
