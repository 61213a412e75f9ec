"""Figures for papers: vector graphics in the width of a column, drawn from the tables alone."""
