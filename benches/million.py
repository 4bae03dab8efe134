"""Makes a million keys out of the first one of a database of SQLite: million.py DATABASE SECRETS."""

import hashlib
import random
import sqlite3
import sys

COUNT = 1_000_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

chance = random.Random(1)
database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
first = dict(database.execute("SELECT * FROM keys LIMIT 1").fetchone())
columns = list(first)
# The secrets of the Python gateway have no checksum.
secrets = ["dk_" + "".join(chance.choices(ALPHABET, k=43)) for _ in range(COUNT)]


def keys():
    for number, secret in enumerate(secrets):
        key = dict(first)
        key["id"] = f"019a0000-0000-7000-8{number >> 32 & 0xFFF:03x}-{number:012x}"
        key["prefix"] = secret[:10]
        key["scopes"], key["manages"] = "nudge", 0
        key["changed"] = first["changed"] + 1 + number
        yield tuple(key[column] for column in columns)


def digests():
    for number, secret in enumerate(secrets):
        yield (
            hashlib.sha256(secret.encode()).digest(),
            f"019a0000-0000-7000-8{number >> 32 & 0xFFF:03x}-{number:012x}",
        )


with database:
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO keys ({', '.join(columns)}) VALUES ({marks})", keys())
    database.executemany("INSERT INTO key_secrets (digest, key_id) VALUES (?, ?)", digests())
    # The record goes as far as the keys do.
    database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (first["changed"] + COUNT,))
database.close()
chance.shuffle(secrets)
with open(sys.argv[2], "w", encoding="ascii") as file:
    file.write("\n".join(secrets[:100_000]))
