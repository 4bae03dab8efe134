"""Uses OpenAI's official client for Python on a gateway, with nothing set but the base URL and the key."""

import json
import os
import sys

import openai

client = openai.OpenAI()
audio = os.environ["AUDIO"]


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
        return client.audio.transcriptions.create(model="whisper-1", file=file, **options)


def translate(**options):
    with open(audio, "rb") as file:
        return client.audio.translations.create(model="whisper-1", file=file, **options)


def everything():
    told = {format: plain(transcribe(response_format=format)) for format in ["json", "text", "srt", "vtt", "verbose_json"]}
    told["words"] = plain(
        transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"], language="en", prompt="Hi.", temperature=0.5)
    )
    told["stream"] = [plain(event) for event in transcribe(stream=True)]
    told["documented"] = plain(
        transcribe(
            response_format="verbose_json",
            language="",
            prompt="",
            include=["logprobs"],
            chunking_strategy={"type": "server_vad", "threshold": 0.5},
            timestamp_granularities=["segment"],
            extra_body={"vad_filter": True, "hotwords": "", "known_speaker_names": ["a"]},
        )
    )
    told["translation"] = plain(translate())
    told["translation_text"] = plain(translate(response_format="text"))
    told["models"] = [model.id for model in client.models.list()]
    told["model"] = client.models.retrieve(told["models"][0]).id
    told["unknown_model"] = refusal(lambda: client.models.retrieve("no-such-model"))
    told["diarized"] = refusal(lambda: transcribe(response_format="diarized_json"))
    told["no_audio"] = refusal(lambda: client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no audio")))
    return told


def speech():
    words = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    return {"json": plain(transcribe()), "words": plain(words), "stream": [plain(event) for event in transcribe(stream=True)]}


def limited():
    hasty = client.with_options(max_retries=0)
    return {"first": [model.id for model in hasty.models.list()], "second": refusal(lambda: hasty.models.list())}


def refused():
    return {"models": refusal(lambda: client.models.list()), "transcribe": refusal(transcribe)}


print(json.dumps({"everything": everything, "speech": speech, "limited": limited, "refused": refused}[sys.argv[1]]()))
