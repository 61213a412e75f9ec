"""Plain words for what the page shows, for readers who are new to the field."""

METRICS = {
    "uar": "Unweighted average recall: the share of each class that is recognised, averaged over "
    "the classes, so that a rare class counts as much as a frequent one. Guessing among K classes "
    "gives 1/K.",
    "wa": "Weighted accuracy: the share of utterances that are right. Always saying the most "
    "frequent class already gives that class's share.",
    "weighted-f1": "F1 of each class (how much of it is found, and how much of what is said is "
    "right), averaged with frequent classes counting more.",
    "macro-f1": "F1 of each class (how much of it is found, and how much of what is said is "
    "right), each class counting the same.",
    "positive-f1": "F1 of the class that is looked for: how much of it is found, and how much of "
    "what is said is right.",
    "ccc": "Concordance correlation: 1 where predictions equal the truth, 0 where they say nothing "
    "of it. A wrong scale or offset costs, other than in Pearson's correlation.",
    "pearson": "Pearson's correlation of predictions and truth: 1 is a perfect line, 0 none.",
    "mae": "Mean absolute error, in the label's own unit: how far a prediction is off on average. "
    "Less is better.",
    "recall": "The share of a class that is recognised.",
}

CHANCE = (
    "What a prediction scores that does not listen. Scores of tasks with different chance levels "
    "are compared as the share of the way from chance (0) to perfect (1)."
)
INTERVAL = (
    "The numbers in brackets, such as .612 [.540, .684], are a 95 % interval over speakers: if "
    "other speakers of the same kind had been tested, 95 of 100 intervals made like this would "
    "hold the score that all such speakers would give. The probes are taken as they were trained; "
    "another training set, other recordings or another language are not covered."
)
NO_INTERVAL = (
    "Where there is no interval, speakers were too few, or each class had one voice only; the "
    "reason stands in the table of all scores."
)
FLOORS = (
    "Rows in brackets are floors: (majority) always says the most frequent class, or the mean; "
    "(duration) knows only how long a clip is. What does not beat them has learned nothing from "
    "the voice."
)
PROBE = (
    "An upstream is a speech model whose weights stay as they are. A probe is a small classifier "
    "trained on what the upstream gives; it shows what can be read there, not what fine-tuning "
    "could reach."
)
STAMPS = {  # a word of the stamp to its name and meaning
    "leaks": (
        "split leaks",
        "Train and test share speakers, sessions or audio. The score is too good, and is not "
        "ranked.",
    ),
    "trained on": (
        "upstream trained on the test corpus",
        "The upstream has seen the corpus that is tested. The score may be too good, and is not "
        "ranked.",
    ),
    "unlabelled": (
        "read unlabelled test data",
        "The probe read the test audio, without its labels. Compare with its like only.",
    ),
    "fixed": (
        "hyper-parameters fixed",
        "Nothing was chosen on data; the task's card gives the settings, because its speakers are "
        "too few to set some aside.",
    ),
}
