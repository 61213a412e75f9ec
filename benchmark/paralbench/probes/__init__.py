"""Probes: recipes, the batched trainer, the floors; import the module that is needed."""
