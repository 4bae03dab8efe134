"""Uses OpenAI's official client for Python on a gateway, with nothing set but the base URL and the key."""

import asyncio
import base64
import json
import os
import sys

import openai

base = os.environ["OPENAI_BASE_URL"]
client = openai.OpenAI()
audio = os.environ["AUDIO"]
# What clients of other servers send beside it.
EXTRA = {
    "vad_filter": True,
    "hotwords": "",
    "beam_size": 5,
    "word_timestamps": True,
    "condition_on_previous_text": False,
    "decoding": {"best_of": 2},
    "stop": ["a", "b"],
}


def plain(value):
    return value if isinstance(value, str) else value.model_dump()


def refusal(ask):
    try:
        ask()
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "code": error.code, "type": error.type, "param": error.param}
    return None


def transcribe(**options):
    with open(audio, "rb") as file:
        return client.audio.transcriptions.create(**{"model": "whisper-1", "file": file} | options)


def translate(**options):
    with open(audio, "rb") as file:
        return client.audio.translations.create(**{"model": "whisper-1", "file": file} | options)


def ignored(**options):
    with open(audio, "rb") as file:
        answer = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=file, **options)
        return {"text": answer.parse().text, "ignored": answer.headers.get("x-dalston-ignored")}


def models():
    listed = [model.id for model in client.models.list()]
    return {"models": listed, "model": client.models.retrieve(listed[0]).id}


def everything():
    told = {format: plain(transcribe(response_format=format)) for format in ["json", "text", "srt", "vtt", "verbose_json"]}
    told["words"] = plain(
        transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"], language="en", prompt="Hi.", temperature=0.5)
    )
    told["stream"] = [plain(event) for event in transcribe(stream=True)]
    documented = {
        "chunking_strategy": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200},
        "include": ["logprobs"],
        "keywords": ["Dalston", "Kingsland"],
        "known_speaker_names": ["a", "b"],
        "known_speaker_references": ["data:audio/wav;base64," + "A" * 300_000] * 2,
        "language": "en",
        "languages": ["en", "de"],
        "prompt": "Hi.",
        "response_format": "json",
        "temperature": 0,
        "timestamp_granularities": ["segment"],
        "stream": False,
    }
    told["documented"] = ignored(**documented)
    told["automatic"] = ignored(chunking_strategy="auto")
    told["empty"] = ignored(**{name: [] if isinstance(value, list) else "" for name, value in documented.items()})
    told["unnamed"] = plain(transcribe(model=""))
    told["extra"] = ignored(extra_body=EXTRA)
    told["translation"] = plain(translate())
    told["translation_text"] = plain(translate(response_format="text"))
    told["translation_empty"] = plain(translate(prompt="", temperature="", response_format=""))
    told |= models()
    told["unknown_model"] = refusal(lambda: client.models.retrieve("no/such model"))
    told["diarized"] = refusal(lambda: transcribe(response_format="diarized_json"))
    told["no_audio"] = refusal(lambda: client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no audio")))
    return told


def beside():
    told = {format: plain(transcribe(response_format=format)) for format in ["json", "text", "srt", "vtt"]}
    told["words"] = plain(transcribe(response_format="verbose_json", timestamp_granularities=["word"]))
    told["stream"] = [plain(event) for event in transcribe(stream=True, response_format="json")]
    told["no_audio"] = refusal(
        lambda: client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no audio"), response_format="json")
    )
    return told | models()


async def session(realtime, kind, update, **query):
    """What a session says until a transcript is complete, and then to a client that wants a conversation."""
    with open(audio, "rb") as file:
        sound = base64.b64encode(file.read()[44:]).decode()
    async with realtime.connect(**query) as connection:
        heard = [await connection.recv()]
        await connection.send({"type": kind, "session": update})
        heard.append(await connection.recv())
        await connection.input_audio_buffer.append(audio=sound)
        while heard[-1].type != "conversation.item.input_audio_transcription.completed":
            heard.append(await connection.recv())
        await connection.send({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}})
        while heard[-1].type != "error":
            heard.append(await connection.recv())
        return [plain(event) for event in heard]


async def sessions():
    connected = openai.AsyncOpenAI(websocket_base_url=base.replace("http:", "ws:"))
    query = {"intent": "transcription"}
    current = {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "Hi.", "keywords": ["a"]},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500},
            }
        },
        "include": ["item.input_audio_transcription.logprobs"],
    }
    beta = {
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "Hi."},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    update = "transcription_session.update"
    return {
        "current": await session(connected.realtime, "session.update", current, extra_query=query),
        "model": await session(connected.realtime, "session.update", current, model="gpt-realtime"),
        "beta": await session(connected.beta.realtime, update, beta, model="gpt-4o-transcribe", extra_query=query),
    }


def realtime():
    return asyncio.run(sessions())


def speech():
    words = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    return {"json": plain(transcribe()), "words": plain(words), "stream": [plain(event) for event in transcribe(stream=True)]}


def limited():
    hasty = client.with_options(max_retries=0)
    return {"first": [model.id for model in hasty.models.list()], "second": refusal(lambda: hasty.models.list())}


def refused():
    return {"models": refusal(lambda: client.models.list()), "transcribe": refusal(transcribe)}


modes = {mode.__name__: mode for mode in [everything, beside, realtime, speech, limited, refused]}
print(json.dumps(modes[sys.argv[1]]()))
