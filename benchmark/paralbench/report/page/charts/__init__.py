"""The page's charts as Vega-Lite specifications without data, written with Altair.

A chart names its data sets; the page's script fills in the rows that the reader chose. Rows come in
the order in which they are to be shown, so no chart sorts. ``§column§`` in a text is replaced by
the first row's value. Each is made once, as Altair checks it against a schema, and not changed.
"""
