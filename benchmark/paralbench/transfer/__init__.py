"""Transfer: labels that several corpora share, and probes trained on one and tested on another."""
