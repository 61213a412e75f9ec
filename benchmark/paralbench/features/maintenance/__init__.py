"""Looking after a PARALBENCH_HOME: what is in it, is it whole, what can go, taking in another's."""
