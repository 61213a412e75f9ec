"""Cards, an upstream family and a corpus reader that are not part of ParaLBench."""
