"""Miniature corpora in their owners' layouts: label files as distributed, made-up voices.

One module per corpus, named as its reader, with ``build(root, voice)``. A layout holds enough
speakers and utterances of every class, in every split, for the corpus's tasks to run, and as many
of the traps as fit. Speech is never in it.
"""
