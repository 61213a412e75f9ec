"""Made-up voices in the containers of video: mp4 and m4a, without a picture."""

from pathlib import Path

import av
import soundfile
from tests.layouts.voices import RATE, write_voice


def write_clip(file: Path, speaker: str = "", sound: str = "", seconds: float = 0.3) -> Path:
    """Write a short sound as AAC; see :func:`tests.layouts.voices.write_voice`."""
    wav = write_voice(file.with_suffix(".wav"), speaker, sound, seconds)
    samples = soundfile.read(wav, dtype="float32")[0]
    wav.unlink()
    with av.open(str(file), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file
