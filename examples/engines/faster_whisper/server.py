"""An OpenAI-compatible transcription server, for DALSTON_ENGINE_URL. It does not authenticate clients: make it reachable for the gateway only."""

import argparse
import json
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from multipart import parse_form_data

from model import BASE, REFUSED, Whisper, document

# Maximum number of requests that are being read, are waiting or are being transcribed; further ones get 503.
PLACES = threading.BoundedSemaphore(8)
# Maximum size of an upload in bytes. Uploads are stored on disk.
MOST = 2**30


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # Seconds to wait for the next bytes of a client.

    def do_GET(self):
        if self.path != "/v1/models":
            return self.refuse(404, "There is no such route")
        model = {"id": self.server.whisper.name, "object": "model", "created": 0, "owned_by": "local"}
        self.answer(200, {"object": "list", "data": [model]})

    def do_POST(self):
        task = {"/v1/audio/transcriptions": "transcribe", "/v1/audio/translations": "translate"}.get(self.path)
        if task is None:
            return self.refuse(404, "There is no such route")
        if not self.headers.get("Content-Length", "").isdigit():
            return self.refuse(411, "A Content-Length is required")
        if int(self.headers["Content-Length"]) > MOST:
            return self.refuse(413, f"More than {MOST} bytes")
        if not PLACES.acquire(blocking=False):
            return self.refuse(503, "Too many requests wait", {"Retry-After": "10"})
        try:
            self.transcribe(task)
        except (ConnectionError, TimeoutError) as error:
            self.log_error("nobody waits: %s", error)
            self.close_connection = True
        finally:
            PLACES.release()

    def transcribe(self, task):
        names = {"CONTENT_TYPE": self.headers.get("Content-Type"), "CONTENT_LENGTH": self.headers["Content-Length"]}
        try:
            fields, uploads = parse_form_data({**names, "wsgi.input": self.rfile}, strict=True)
        except ValueError as error:
            return self.refuse(400, f"The form cannot be read: {error}")
        shape = fields.get("response_format") or "json"
        times = fields.getall("timestamp_granularities[]") or ["segment"]
        if "file" not in uploads or shape not in ("json", "text", "verbose_json"):
            return self.refuse(400, "It needs a file, and the response_format json, text or verbose_json")
        options = {"task": task, "initial_prompt": fields.get("prompt") or None, "word_timestamps": "word" in times, "vad_filter": True}
        with uploads["file"].file as audio, self.server.whisper.lock:
            try:
                if fields.get("temperature"):
                    options["temperature"] = float(fields["temperature"])
                segments, info = self.server.whisper.transcribe(audio, fields.get("language"), **options)
                said = document(self.while_waited_for(segments), info, task)
            except REFUSED as error:
                return self.refuse(400, f"The audio cannot be transcribed: {error}")
        self.answer(200, shaped(said, shape, times))

    def while_waited_for(self, segments):
        """Yields the segments until the client disconnects: the model must not work for clients that have gone."""
        for segment in segments:
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("The client has gone")
            yield segment

    def refuse(self, status, why, headers={}):
        self.answer(status, {"error": {"message": why, "type": "invalid_request_error", "param": None, "code": None}}, headers)

    def answer(self, status, body, headers={}):
        kind, body = ("text/plain", body) if isinstance(body, str) else ("application/json", json.dumps(body, ensure_ascii=False))
        body = body.encode()
        self.send_response(status)
        head = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close", **headers}
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def shaped(said, shape, times):
    """Converts a transcript to the requested response format."""
    if shape == "text":
        return said["text"] + "\n"
    if shape == "json":
        return {"text": said["text"]}
    words = [word for segment in said["segments"] for word in segment.pop("words") or []]
    if "word" in times:
        said["words"] = [{**word, "word": word["word"].strip()} for word in words]
    if "segment" not in times:
        del said["segments"]
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--model", default=BASE, help="a folder of a CTranslate2 model, or a name on the hub")
    asked = parser.parse_args()
    server = ThreadingHTTPServer((asked.host, asked.port), Handler)
    server.whisper = Whisper(asked.model)
    print(f"listening on http://{asked.host}:{server.server_port}/v1", flush=True)
    server.serve_forever()
