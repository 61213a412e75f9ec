"""Corpora: one reader per on-disk layout, fetching, verifying."""
