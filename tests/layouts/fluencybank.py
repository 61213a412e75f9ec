"""FluencyBank as SEP-28k's owners lay it out: two tables and clips/FluencyBank/EPISODE/."""

from pathlib import Path

from tests.layouts.sep_28k import KINDS, VOTES
from tests.layouts.voices import write_voice

# Episode: the recording's name, which tells age and gender. The last has no clips.
EPISODES = {
    "010": "46ma",
    "016": "24fa",
    "017": "62m",
    "019": "50fa",
    "024": "29ma",
    "031": "27f",
    "046": "68m",
    "063": "64m",
    "173": "62f",
    "985": "50fb",
    "178": "24ma",
}


def build(root: Path) -> None:
    """Ten interviews of seven clips."""
    table, episodes = [VOTES], []
    for episode, recording in EPISODES.items():
        address = f"https://media.talkbank.org/fluency/Voices-AWS/interview/{recording}.mp4"
        episodes.append(f"FluencyBank, {episode}, {address}, FluencyBank, {episode}")
        if episode == "178":
            continue
        for clip, (name, votes) in enumerate(KINDS.items()):
            table.append(f"FluencyBank, {episode}, {clip}, {clip * 48000}, 48000, 0, 0, {votes}")
            file = root / "clips" / "FluencyBank" / episode / f"FluencyBank_{episode}_{clip}.wav"
            write_voice(file, recording, "fluent" if "fluent" in name else "stutter")
    root.mkdir(parents=True, exist_ok=True)
    (root / "fluencybank_labels.csv").write_text("\n".join(table) + "\n")
    (root / "fluencybank_episodes.csv").write_text("\n".join(episodes))
