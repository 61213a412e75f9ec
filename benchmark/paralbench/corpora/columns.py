"""The columns that every manifest has, and the words for what a manifest leaves out."""

FIXED_COLUMNS = (
    "utterance",  # unique within the corpus, stable across machines
    "path",  # relative to the root, with forward slashes
    "start",  # seconds; missing: from the beginning
    "end",  # seconds; missing: to the end
    "speaker",  # missing where the corpus does not say
    "session",
    "split",  # train, development, test; missing where the owners give none
    "gender",  # female, male; missing where unknown
    "language",  # ISO 639 code
)

REASONS = {
    "missing": "listed by the corpus's labels, and no audio file is there",
    "unavailable": "of a recording that the owners only link to and that is not there",
    "extra": "an audio file that the corpus's labels do not cover",
    "duplicate-row": "a second row for one utterance",
    "not-in-parts": "in none of the parts that the owners make",
    "copy": "a second copy of a file, with another suffix",
    "label-missing": "none of the card's labels is given",
    "speaker-unknown": "in a test or development part, by a speaker who may be in another part",
    "label-unknown": "a label has a value that the card does not name, or contradicts another",
    "no-speech": "by the owners' marks no speech of the speaker: a signal, scrubbed, interrupted",
    "known-bad": "the card names the utterance as bad",
}
