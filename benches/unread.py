"""Clients that take nothing: what they cost a gateway, and when they are gone. unread.py PROGRAM [CLIENTS]

Starts the gateway PROGRAM on a folder of its own. CLIENTS connections (200) of several kinds ask and read nothing, then
60 pipeline as fast as they are taken. Prints resident memory before, at its greatest, and after; after how many
seconds the gateway had closed all; and how long the longest was open since the kernel took no more for it. Ends with 1
when memory grew by more than 64 MiB, or when that was longer than 30 s.
"""

import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

MEBIBYTE = 1024 * 1024
MOST = 64 * MEBIBYTE
PATIENCE = 30
ESTABLISHED, SYN_RECEIVED, LISTEN = "01", "03", "0A"


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


def connections(pid, port):
    """What is still to be sent to the clients that the gateway has, by their ports: those that it holds, and those that
    wait for their acceptance.

    Its descriptors are not counted: it has sockets of its own, and opens some after it says that it listens.
    """
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    held = {}
    # Number, local, remote, state, queues, timer, retransmissions, owner, timeout, inode. What the gateway has closed
    # has no inode, while the kernel still tries to bring what was said last.
    for _, local, remote, state, queues, *rest in rows:
        if int(local.split(":")[1], 16) == port and state != LISTEN:
            if rest[4] != "0" or state in (ESTABLISHED, SYN_RECEIVED):
                held[int(remote.split(":")[1], 16)] = int(queues.split(":")[0], 16)
    return held


def start(program, folder):
    environment = {"DALSTON_LISTEN": "127.0.0.1:0", "DALSTON_DATA_DIR": folder}
    log = open(os.path.join(folder, "log"), "wb")
    gateway = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=log)
    while gateway.poll() is None:
        with open(log.name, encoding="utf-8") as lines:
            listening = re.search(r"listening.*?127\.0\.0\.1:(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", lines.read()))
        if listening:
            with open(os.path.join(folder, "admin.key"), encoding="ascii") as key:
                return gateway, int(listening[1]), key.read().strip()
        time.sleep(0.05)
    sys.exit("the gateway does not start")


def kinds(key):
    credential = f"Authorization: Bearer {key}\r\n"
    request = lambda line, headers="": f"{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
    body = b'{"command":"/help"}'
    call = request("POST /call", f"{credential}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n") + body
    return {
        "health": request("GET /health"),
        "short": b"GET / HTTP/1.1\n\n",
        "head": request("HEAD /health"),
        "refused": request("GET /auth/me"),
        "help": request("GET /help", credential),
        "list": request("GET /v1/audit?limit=100", credential),
        "call": call,
        "status": request("GET /status", credential),
    }


def run(name, gateway, port, pieces, count):
    before = greatest = resident(gateway.pid)
    began = time.monotonic()
    clients = {}
    for number in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        clients[client] = pieces[number % len(pieces)]
    sent, longest, queued, grew = 0, 0, {}, {}
    while time.monotonic() - began < 10 * PATIENCE:
        for client, piece in list(clients.items()):
            try:
                for _ in range(8):
                    sent += client.send(piece)
            except BlockingIOError:
                pass
            except OSError:
                client.close()
                del clients[client]
        greatest = max(greatest, resident(gateway.pid))
        # A client with a full buffer learns late that it was cut off: what the gateway holds counts. Its time begins
        # when the kernel takes no more for it: how fast that is reached is the machine's.
        held, now = connections(gateway.pid, port), time.monotonic()
        for client, waits in held.items():
            if waits > queued.get(client, -1):
                queued[client], grew[client] = waits, now
            longest = max(longest, now - grew[client])
        if not held or longest > PATIENCE:
            break
        select.select([], [], [], 0.02)
    after = resident(gateway.pid)
    print(
        f"{name}: {count} connections, {sent / MEBIBYTE:.1f} MiB of requests taken; resident {before / MEBIBYTE:.1f} MiB before, "
        f"{greatest / MEBIBYTE:.1f} at most (+{(greatest - before) / MEBIBYTE:.1f}), {after / MEBIBYTE:.1f} after; "
        f"{len(held)} open after {now - began:.1f} s, none "
        f"for more than {longest:.1f} s after it was full"
    )
    for client in clients:
        client.close()
    return not held and greatest - before <= MOST


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory() as folder:
        gateway, port, key = start(program, folder)
        try:
            asked = kinds(key)
            held = run("all kinds", gateway, port, [piece * 2000 for piece in asked.values()], count)
            for name in ("health", "short", "refused"):
                held &= run(name, gateway, port, [asked[name] * 2000], 60)
        finally:
            gateway.terminate()
            gateway.wait()
    sys.exit(0 if held else 1)


main()
