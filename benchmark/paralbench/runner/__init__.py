"""From a request to tables: what to run (plan), on which data, and the local executor."""
