"""Where a run's work is done: in this process, in one for each device, on a Ray cluster."""
