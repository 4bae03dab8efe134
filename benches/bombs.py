"""Hostile files against a gateway, and what an honest one costs: bombs.py [PROGRAM] [OLDER PROGRAM].

One tenant uploads four bombs (fuzz/seeds/bomb-*), sixteen of each at once, while another asks GET /auth/me every 100 ms; the
gateway is killed meanwhile and started again, and the same is done once more. Then a WAV of 10 ms of silence is uploaded 300
times, one after another, to each program in turn. Fails when the other tenant waits for more than a second or gets a 5xx, when
an upload is neither 4xx nor a failed job, or when the gateway grows by more than 64 MiB.
"""

import collections
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
EACH = 16
MASTER = "master-key-of-the-bench-0123456789abcdef"
HONEST = 300


class Gateway:
    """A gateway on the embedded database, in a folder of its own."""

    def __init__(self, program, home):
        self.program, self.home = program, home
        environment = {"DALSTON_LISTEN": "127.0.0.1:0", "DALSTON_DATA_DIR": str(home / "data"), "DALSTON_MASTER_KEY": MASTER}
        line = ["setpriv", "--pdeathsig", "KILL", "--", str(program)]
        self.process = subprocess.Popen(
            line, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for said in self.process.stderr:
            if "listening" in said:
                self.port = int(re.search(r"127\.0\.0\.1:(\d+)", said).group(1))
                break
        else:
            raise SystemExit("the gateway does not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.admin = (home / "data/admin.key").read_text().strip()

    def memory(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024

    def kill(self):
        self.process.kill()
        self.process.wait()


def ask(port, secret, method, path, body=None, kind="application/json", connection=None, tenant=None):
    """Status and JSON of an answer."""
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"Authorization": f"Bearer {secret}", "Host": "localhost"}
    if tenant:
        headers["X-Dalston-Tenant"] = tenant
    if body is not None:
        headers["Content-Type"] = kind
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else None


def upload(port, secret, file, path="/v1/audio/transcriptions", connection=None):
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + file + b"\r\n--b--\r\n"
    return ask(port, secret, "POST", path, body, "multipart/form-data; boundary=b", connection)


def watch(port, secret, stop, found):
    """Asks every 100 ms, in a process of its own: the longest wait, and how often it was answered what."""
    longest, answers = 0.0, collections.Counter()
    while not stop.is_set():
        began = time.monotonic()
        answers[ask(port, secret, "GET", "/auth/me")[0]] += 1
        longest = max(longest, time.monotonic() - began)
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
    found.put((longest, dict(answers)))


def throw(gateway, secret, bombs, outcomes, kill_after=None):
    """All bombs at once; what came of each."""

    def one(bomb):
        try:
            status, job = upload(gateway.port, secret, bomb)
            if status == 201:
                path = f"/v1/audio/transcriptions/{job['id']}?wait=60"
                while not (ended := ask(gateway.port, secret, "GET", path)[1])["completed_at"]:
                    pass
                outcomes.append(f"201, then {ended['status']}")
            else:
                outcomes.append(str(status))
        except (OSError, http.client.HTTPException):
            outcomes.append("killed" if kill_after else "no answer")

    threads = [threading.Thread(target=one, args=(bomb,)) for bomb in bombs for _ in range(EACH)]
    for thread in threads:
        thread.start()
    if kill_after:
        time.sleep(kill_after)
        gateway.kill()
    for thread in threads:
        thread.join()


def besieged(program, home):
    bombs = [path.read_bytes() for path in sorted((ROOT / "fuzz/seeds").glob("bomb-*"))]
    gateway = Gateway(program, home)

    made = {}
    for name in ("bomber", "other"):
        status, answer = ask(gateway.port, MASTER, "POST", "/v1/tenants", json.dumps({"id": name}))
        assert status == 201, answer
        body = json.dumps({"name": name, "scopes": ["jobs:write", "jobs:read"]})
        status, answer = ask(gateway.port, MASTER, "POST", "/auth/keys", body, tenant=name)
        assert status == 201, answer
        made[name] = answer["key"]
    fine = True
    for turn in ("at once", "killed amid it", "after the start"):
        upload(gateway.port, made["bomber"], wav())
        before = gateway.memory("VmRSS")
        outcomes, stop, found = [], multiprocessing.Event(), multiprocessing.Queue()
        watcher = multiprocessing.Process(target=watch, args=(gateway.port, made["other"], stop, found))
        if turn == "killed amid it":
            throw(gateway, made["bomber"], bombs, outcomes, kill_after=0.05)
            print(f"{turn}: {dict(collections.Counter(outcomes))}")
            gateway = Gateway(program, home)
            continue
        watcher.start()
        began = time.monotonic()
        throw(gateway, made["bomber"], bombs, outcomes)
        took = time.monotonic() - began
        stop.set()
        longest, answers = found.get()
        watcher.join()
        grown = gateway.memory("VmHWM") - before
        good = all(outcome[0] == "4" or outcome.endswith("failed") for outcome in outcomes)
        fine &= good and longest < 1 and set(answers) == {200} and grown < 64 and len(outcomes) == EACH * len(bombs)
        print(
            f"{turn}: {len(outcomes)} bombs in {took:.1f} s: {dict(collections.Counter(outcomes))}; "
            f"the other waited {longest * 1000:.0f} ms at most ({answers}); memory {before:.1f} MiB + {grown:.1f} MiB at most"
        )
    gateway.kill()
    return fine


def wav():
    """10 ms of silence."""
    data = bytes(320)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 356, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", 320)
    return head + data


def honest(programs, folder):
    """What an upload of a small WAV takes, each program in turn, so that a slow while is slow for all."""
    gateways = []
    for number, program in enumerate(programs):
        home = folder / f"honest-{number}"
        home.mkdir()
        gateways.append(Gateway(program, home))
    taken = [[] for _ in gateways]
    connections = [http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60) for gateway in gateways]
    for _ in range(HONEST):
        for gateway, connection, times in zip(gateways, connections, taken):
            began = time.monotonic()
            status, _job = upload(gateway.port, gateway.admin, wav(), connection=connection)
            times.append((time.monotonic() - began) * 1000)
            assert status == 201, status
    for gateway, times in zip(gateways, taken):
        gateway.kill()
        times.sort()
        print(
            f"{gateway.program}: an upload of 10 ms: median {statistics.median(times):.2f} ms, "
            f"90 % {times[len(times) * 9 // 10]:.2f} ms, at most {times[-1]:.2f} ms"
        )


def main():
    programs = [pathlib.Path(word).resolve() for word in sys.argv[1:]] or [ROOT / "target/release/dalston-gateway"]
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="dalston-bombs-", dir=memory) as folder:
        folder = pathlib.Path(folder)
        home = folder / "besieged"
        home.mkdir()
        fine = besieged(programs[0], home)
        honest(programs, folder)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
