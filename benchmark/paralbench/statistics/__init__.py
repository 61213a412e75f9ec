"""Statistics of scores: confidence intervals over the units that vary, which are speakers."""
