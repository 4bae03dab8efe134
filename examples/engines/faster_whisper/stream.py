"""A stream worker: transcribes live audio while it is spoken. It registers at a gateway, or is listed in DALSTON_WORKERS.

DALSTON_API_KEY=… python stream.py --gateway http://localhost:8000, with a key that has the scope `worker`.
"""

import argparse
import json
import math
import os
import sys
import threading
import time
import urllib.request
from urllib.parse import parse_qs, urlsplit

import av
import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from model import BASE, Whisper

RATE = 16_000  # Sample rate of Whisper, in samples per second.
STEP = 1.0  # Seconds of new audio between two passes.
PAUSE = 0.6  # Seconds of silence that end an utterance. Whisper processes 30 s at once, hence the maximum length of an utterance below.
SPEECH = VadOptions(min_silence_duration_ms=int(PAUSE * 1000), max_speech_duration_s=25, speech_pad_ms=200)
MOST_TEXT = 100_000  # Budget of `session.end` in characters, counting 20 for each segment; it repeats only the beginning of the transcript. A message has at most 1 MiB.
HEARTBEAT = 10  # Seconds. The registration of a worker expires after thirty seconds without a heartbeat.
# The names of the encodings in ffmpeg, and the number of bytes per sample.
ENCODINGS = {"pcm_s16le": ("pcm_s16le", 2), "pcm_f32le": ("pcm_f32le", 4), "mulaw": ("pcm_mulaw", 1), "alaw": ("pcm_alaw", 1)}


class Samples:
    """Decodes and resamples audio of one encoding and sample rate to samples for Whisper."""

    def __init__(self, encoding, rate):
        name, self.width = ENCODINGS[encoding]
        self.decoder = av.CodecContext.create(name, "r")
        self.decoder.sample_rate, self.decoder.layout = rate, "mono"
        self.resampler = av.AudioResampler("flt", "mono", RATE)
        self.rest = b""

    def read(self, data):
        data = self.rest + data
        whole = len(data) - len(data) % self.width
        data, self.rest = data[:whole], data[whole:]
        frames = self.decoder.decode(av.Packet(data)) if data else []
        pieces = [piece.to_ndarray()[0] for frame in frames for piece in self.resampler.resample(frame)]
        return np.concatenate(pieces, dtype=np.float32) if pieces else np.empty(0, np.float32)


class Ear:
    """The state of a session: audio that is not yet transcribed, and the segments so far."""

    def __init__(self, whisper, query):
        self.whisper, self.id, self.language = whisper, query["session_id"], query["language"]
        self.samples = Samples(query["encoding"], int(query["sample_rate"]))
        self.audio = np.empty(0, np.float32)
        # In seconds of the stream: the start of `audio`, the time of the next pass, and the time before which no partial transcript is made.
        self.before = self.due = self.rest = 0.0
        self.speaks = False
        self.spoken, self.segments, self.left = 0.0, [], MOST_TEXT

    def heard(self):
        return self.before + len(self.audio) / RATE

    def forget(self, samples):
        self.before += samples / RATE
        self.audio = self.audio[samples:]

    def hear(self, data):
        """Adds audio. Yields the messages of a pass, once per STEP of audio."""
        self.audio = np.concatenate([self.audio, self.samples.read(data)])
        if self.heard() >= self.due:
            self.due = self.heard() + STEP
            yield from self.look()

    def look(self, is_all=False):
        """Yields messages on the speech so far. Speech is final once a pause follows it or the audio has ended (`is_all`)."""
        length, done = len(self.audio), 0
        found = get_speech_timestamps(self.audio, SPEECH) if length else []
        for at, speech in enumerate(found):
            start, end = speech["start"], speech["end"]
            stands = is_all or at + 1 < len(found) or length - end > PAUSE * RATE
            began = self.before + start / RATE
            if not self.speaks:
                self.speaks = True
                yield {"type": "vad.speech_start", "timestamp": round(began, 3)}
            if not stands and self.heard() < self.rest:
                break
            clock = time.monotonic()
            said = self.transcribe(self.audio[start:end], began, stands)
            # Partial transcripts take at most half of the time, so that a slow machine does not fall behind because of them.
            self.rest = self.heard() + 2 * (time.monotonic() - clock)
            if stands:
                self.speaks, done = False, end
                self.spoken += (end - start) / RATE
                self.keep(said)
                yield {"type": "vad.speech_end", "timestamp": said["end"]}
                yield {"type": "transcript.final", **said}
            elif said["text"]:
                yield {"type": "transcript.partial", **said}
        if self.speaks and not found:  # The detector has revised its result: it was not speech.
            self.speaks = False
            yield {"type": "vad.speech_end", "timestamp": round(self.heard(), 3)}
        # The last half second of silence is kept, because a word may begin in it.
        self.forget(length if is_all else done if found else max(0, length - RATE // 2))

    def transcribe(self, audio, began, stands):
        with self.whisper.lock:
            # Partial transcripts use fast settings, because they may still change.
            options = {"word_timestamps": True} if stands else {"beam_size": 1, "temperature": 0, "without_timestamps": True}
            segments = list(self.whisper.transcribe(audio, self.language, condition_on_previous_text=False, **options)[0])
        text = "".join(segment["text"] for segment in segments).strip()
        said = {"text": text, "start": round(began, 3), "end": round(began + len(audio) / RATE, 3)}
        if stands and segments:
            said["confidence"] = round(math.exp(sum(segment["avg_logprob"] for segment in segments) / len(segments)), 3)
            said["words"] = [
                {"word": word["word"].strip(), "start": round(began + word["start"], 3), "end": round(began + word["end"], 3)}
                for segment in segments
                for word in segment["words"]
            ]
        return said

    def keep(self, said):
        self.left -= len(said["text"]) + 20
        if said["text"] and self.left >= 0:
            self.segments.append({name: said[name] for name in ("start", "end", "text")})

    def clear(self):
        self.forget(len(self.audio))
        self.speaks = False

    def ended(self):
        return {
            "type": "session.end",
            "session_id": self.id,
            "total_duration": round(self.heard(), 3),
            "total_speech_duration": round(self.spoken, 3),
            "transcript": " ".join(segment["text"] for segment in self.segments),
            "segments": self.segments,
        }


def session(socket, whisper):
    """Serves a stream, from its first message to `session.end`."""

    def say(message):
        socket.send(json.dumps(message, ensure_ascii=False))

    try:
        query = {name: values[0] for name, values in parse_qs(urlsplit(socket.request.path).query).items()}
        ear = Ear(whisper, query)
        for message in socket:
            order = {"type": "audio"} if isinstance(message, bytes) else json.loads(message)
            match order["type"]:
                case "audio":
                    for said in ear.hear(message):
                        say(said)
                case "flush" | "end":
                    for said in ear.look(is_all=True):
                        say(said)
                case "clear":
                    ear.clear()
                case "config":
                    ear.language = order.get("language", ear.language)
            if order["type"] == "end":
                return say(ear.ended())
    except ConnectionClosed:
        pass  # The gateway has disconnected.
    except (KeyError, ValueError) as error:
        say({"type": "error", "code": "worker_failed", "message": f"The stream cannot be transcribed: {error}", "recoverable": False})


def register(gateway, name, about):
    """Renews the registration at the gateway at each heartbeat. A gateway that cannot be reached may be back the next time."""
    headers = {"Authorization": f"Bearer {os.environ['DALSTON_API_KEY']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{gateway}/v1/workers/{name}", json.dumps(about).encode(), headers, method="PUT")
    while True:
        try:
            urllib.request.urlopen(request, timeout=HEARTBEAT).close()
        except OSError as error:
            print(f"not registered: {error}", file=sys.stderr, flush=True)
        time.sleep(HEARTBEAT)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--model", default=BASE, help="a folder of a CTranslate2 model, or a name on the hub")
    parser.add_argument("--capacity", type=int, default=2, help="streams at once")
    parser.add_argument("--gateway", help="where to register; none: the gateway knows it by DALSTON_WORKERS")
    parser.add_argument("--name", default="faster-whisper")
    asked = parser.parse_args()
    whisper, places = Whisper(asked.model), threading.BoundedSemaphore(asked.capacity)

    def one(socket):
        # The capacity is exceeded, perhaps by a client other than the gateway. 1013: try again later.
        if not places.acquire(blocking=False):
            return socket.close(1013)
        try:
            session(socket, whisper)
        finally:
            places.release()

    with serve(one, asked.host, asked.port, compression=None) as server:
        url = "ws://{}:{}/session".format(*server.socket.getsockname())
        if asked.gateway:
            about = {"url": url, "capacity": asked.capacity}
            threading.Thread(target=register, args=(asked.gateway, asked.name, about), daemon=True).start()
        print(f"listening on {url}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
