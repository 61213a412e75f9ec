"""L2-ARCTIC: a folder for each of its 24 speakers, and the retold stories."""

from pathlib import Path

from tests.layouts.voices import write_voice

SPEAKERS = {
    "arabic": ("ABA", "SKA", "YBAA", "ZHAA"),
    "chinese": ("BWC", "LXC", "NCC", "TXHC"),
    "hindi": ("ASI", "RRBI", "SVBI", "TNI"),
    "korean": ("HJK", "HKK", "YDCK", "YKWK"),
    "spanish": ("EBVS", "ERMS", "MBMPS", "NJS"),
    "vietnamese": ("HQTV", "PNV", "THV", "TLV"),
}
SENTENCES = {
    "arctic_a0001": "Author of the danger trail, Philip Steels, etc.",
    "arctic_b0002": "Not at this particular case, Tom, apologized Whittemore.",
    "arctic_b0539": "And you always want to see it in the superlative degree.",
}


def build(root: Path) -> None:
    """Three sentences of each speaker; one speaker's archive is in a folder of its own."""
    for accent, speakers in SPEAKERS.items():
        for speaker in speakers:
            folder = root / speaker / speaker if speaker == "TNI" else root / speaker
            for name, text in SENTENCES.items():
                write_voice(folder / "wav" / f"{name}.wav", speaker, accent, rate=44_100)
                for other in ("transcript", "textgrid"):
                    (folder / other).mkdir(exist_ok=True)
                (folder / "transcript" / f"{name}.txt").write_text(text)
                (folder / "textgrid" / f"{name}.TextGrid").write_text("")
    write_voice(root / "suitcase_corpus" / "wav" / "aba.wav", "ABA", "arabic")
