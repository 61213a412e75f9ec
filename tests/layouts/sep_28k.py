"""SEP-28k in a clone of SEP-28k-Extended: both tables and clips/SHOW/EPISODE/."""

from pathlib import Path

from tests.layouts.voices import write_voice

VOTES = (
    "Show,EpId,ClipId,Start,Stop,Unsure,PoorAudioQuality,Prolongation,Block,SoundRep,WordRep,"
    "DifficultToUnderstand,Interjection,NoStutteredWords,NaturalPause,Music,NoSpeech"
)
EXTENDED = (
    "Show,EpId,ClipId,Start,Stop,is_probably_host,speaker,clip_silhouette_score,SEP12k,SEP28k-E,"
    "SEP28k-T,SEP28k-D,Unsure,PoorAudioQuality,Prolongation,Block,SoundRep,WordRep,"
    "DifficultToUnderstand,Interjection,NoStutteredWords,NaturalPause,Music,NoSpeech"
)
# Speaker: show, episode, part. Hosts are heard in the episodes of their guests.
SPEAKERS = {
    "Pamela Mertz": ("HeStutters", "0", "train"),
    "Daniele Rossi": ("StutteringIsCool", "1", "train"),
    "Pedro Peña": ("StutteringIsCool", "2", "train"),
    "Peter Reitzes": ("StutterTalk", "7", "train"),
    "HeStutters_0_0": ("HeStutters", "0", "dev"),
    "StutterTalk_7_1": ("StutterTalk", "7", "dev"),
    "HVSA_1_0": ("HVSA", "1", "dev"),
    "StrongVoices_23_0": ("StrongVoices", "23", "test"),
    "HeStutters_0_1": ("HeStutters", "0", "test"),
    "HVSA_1_1": ("HVSA", "1", "test"),
}
# The events of a clip, by the places of Prolongation to NoSpeech.
KINDS = {
    "prolongation": "2, 0, 0, 0, 0, 0, 1, 0, 0, 0",
    "block": "0, 3, 0, 0, 0, 0, 0, 0, 0, 0",
    "sound": "0, 0, 2, 0, 0, 0, 1, 0, 0, 0",
    "word": "0, 0, 0, 3, 0, 0, 0, 0, 0, 0",
    "interjection": "0, 0, 0, 0, 0, 2, 2, 0, 0, 0",
    "fluent": "0, 0, 0, 1, 0, 0, 3, 1, 0, 0",
    "fluent too": "0, 0, 0, 0, 0, 0, 2, 0, 0, 0",
}
NEITHER = "1, 1, 1, 0, 0, 1, 1, 0, 0, 0"


def rows() -> list[tuple[str, str, int, str, str, str]]:
    """Show, episode, clip, speaker, part, votes; one clip is neither fluent nor a stutter."""
    found, last = [], dict[tuple[str, str], int]()

    def add(show: str, episode: str, speaker: str, part: str, votes: str) -> None:
        clip = last[show, episode] = last.get((show, episode), -1) + 1
        found.append((show, episode, clip, speaker, part, votes))

    for speaker, (show, episode, part) in SPEAKERS.items():
        for votes in KINDS.values():
            add(show, episode, speaker, part, votes)
    add("HeStutters", "0", "Pamela Mertz", "train", NEITHER)
    # SEP-28k-Extended names no speaker for some clips of the test part.
    add("StutteringIsCool", "1", "", "test", KINDS["fluent"])
    return found


def build(root: Path) -> None:
    """The two tables, and a voice for each clip."""
    names = {votes: name for name, votes in KINDS.items()}
    votes_table, extended = [VOTES], [EXTENDED]
    for place, (show, episode, clip, speaker, part, votes) in enumerate(rows()):
        times = (place * 48_000, place * 48_000 + 48_000)
        votes_table.append(f"{show}, {episode}, {clip}, {times[0]}, {times[1]}, 0, 0, {votes}")
        extended.append(
            f"{show},{episode},{clip},{times[0]},{times[1]},True,{speaker},0.5,,{part},test,dev,"
            f"0,0,{votes.replace(' ', '')}"
        )
        name = f"{show}_{episode}_{clip}.wav"
        sound = "fluent" if "fluent" in names.get(votes, "") else "stutter"
        write_voice(root / "clips" / show / episode / name, speaker, sound)
    (root / "SEP-28k_labels.csv").write_text("\n".join(votes_table) + "\n")
    (root / "SEP-28k-Extended_clips.csv").write_text("\n".join(extended) + "\n", encoding="utf-8")
