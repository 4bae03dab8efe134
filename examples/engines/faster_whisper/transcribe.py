"""Transcribes an audio file and prints the transcript as one JSON document. For DALSTON_ENGINE_COMMAND."""

import argparse
import json
import sys

from model import BASE, REFUSED, Whisper, document

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("audio")
parser.add_argument("--language", default="auto")
parser.add_argument("--task", choices=["transcribe", "translate"], default="transcribe")
parser.add_argument("--prompt", default="")
parser.add_argument("--model", default=BASE, help="a folder or a name on the hub; not {model}: clients would choose what is downloaded")
asked = parser.parse_args()

try:
    whisper = Whisper(asked.model)
except Exception as error:
    # The audio is not the cause: with this exit code the gateway keeps the job and retries it.
    print(f"the model {asked.model} cannot be loaded: {error}", file=sys.stderr)
    sys.exit(127)
try:
    options = {"task": asked.task, "initial_prompt": asked.prompt or None, "word_timestamps": True, "vad_filter": True}
    said = document(*whisper.transcribe(asked.audio, asked.language, **options), asked.task)
except REFUSED as error:
    sys.exit(f"it cannot be transcribed: {error}")
json.dump(said, sys.stdout)
