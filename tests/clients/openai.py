"""What a user of OpenAI's own client does, with nothing but another base URL and key. Prints what came, as JSON."""

import json
import os

import openai

AUDIO = os.environ["AUDIO"]


def told(error):
    return {"class": type(error).__name__, "status": error.status_code, "code": error.code, "type": error.type}


def attempt(run):
    try:
        return run()
    except openai.APIStatusError as error:
        return {"refused": told(error)}


def main():
    client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["KEY"], max_retries=0)
    stranger = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="sk-not-a-key", max_retries=0)

    def transcribe(client=client, **options):
        with open(AUDIO, "rb") as file:
            made = client.audio.transcriptions.create(file=file, model="whisper-1", **options)
        return made if isinstance(made, str) else made.model_dump(exclude_none=True)

    def translate(**options):
        with open(AUDIO, "rb") as file:
            made = client.audio.translations.create(file=file, model="whisper-1", **options)
        return made if isinstance(made, str) else made.model_dump(exclude_none=True)

    formats = ["json", "text", "srt", "verbose_json", "vtt"]
    print(json.dumps({
        "plain": transcribe(),
        "formats": {name: transcribe(response_format=name) for name in formats},
        "words": transcribe(
            response_format="verbose_json", timestamp_granularities=["word", "segment"], language="en",
            prompt="Dalston", temperature=0.2,
        ),
        "translated": {name: translate(response_format=name) for name in formats},
        "models": [model.model_dump() for model in client.models.list()],
        "model": attempt(lambda: client.models.retrieve("whisper-1").model_dump()),
        "no_such_model": attempt(lambda: client.models.retrieve("no-such-model").model_dump()),
        "stranger": attempt(lambda: transcribe(client=stranger)),
        "wrong_format": attempt(lambda: transcribe(response_format="docx")),
        "not_audio": attempt(lambda: client.audio.transcriptions.create(
            file=("a.wav", b"not audio at all"), model="whisper-1")),
    }))


main()
