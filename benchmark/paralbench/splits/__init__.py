"""How utterances are divided into train, development and test, and the gate against leakage."""
