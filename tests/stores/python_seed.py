"""The Python gateway of seed M11, section 11.1, on Redis over a plain socket.

Reads one JSON request a line, answers one JSON line. The models are those of the seed; what Pydantic does to them
(types checked, unknown fields dropped, compact JSON, times in UTC with Z) is done here by hand.
"""

import hashlib
import json
import secrets
import socket
import sys
import uuid
from datetime import UTC, datetime
from urllib.parse import urlparse

KEY_PREFIX = "dk_"
TIMES = ("created_at", "last_used_at", "revoked_at")
FIELDS = {
    "id": str,
    "key_hash": str,
    "prefix": str,
    "name": str,
    "tenant_id": str,
    "scopes": list,
    "rate_limit": (int, type(None)),
    "created_at": datetime,
    "last_used_at": (datetime, type(None)),
    "revoked_at": (datetime, type(None)),
}


class Redis:
    def __init__(self, url):
        url = urlparse(url)
        self.socket = socket.create_connection((url.hostname, url.port))
        self.file = self.socket.makefile("rb")
        self("SELECT", url.path.lstrip("/") or "0")

    def __call__(self, *words):
        words = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(parts))
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == b"-1":
                return None
            return self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest.decode()


def model_validate_json(text):
    given = json.loads(text)
    for field in TIMES:
        if given[field] is not None:
            given[field] = datetime.fromisoformat(given[field])
    for field, kind in FIELDS.items():
        assert isinstance(given[field], kind) and not isinstance(given[field], bool), field
    assert all(isinstance(scope, str) for scope in given["scopes"])
    return {field: given[field] for field in FIELDS}


def model_dump_json(api_key):
    def text(value):
        return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value

    plain = {field: text(api_key[field]) for field in FIELDS}
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def hash_api_key(key):
    return hashlib.sha256(key.encode()).hexdigest()


def response(api_key):
    return {field: json.loads(model_dump_json(api_key))[field] for field in FIELDS if field != "key_hash"}


class AuthService:
    def __init__(self, redis):
        self.redis = redis
        self.read = None

    def create(self, name, scopes=("jobs:read", "jobs:write", "realtime"), rate_limit=None, tenant_id="default"):
        full_key = f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"
        key_hash = hash_api_key(full_key)
        api_key = {
            "id": str(uuid.uuid4()),
            "key_hash": key_hash,
            "prefix": full_key[:10],
            "name": name,
            "tenant_id": tenant_id,
            "scopes": list(scopes),
            "rate_limit": rate_limit,
            "created_at": datetime.now(UTC),
            "last_used_at": None,
            "revoked_at": None,
        }
        self.redis("SET", f"dalston:apikeys:{key_hash}", model_dump_json(api_key))
        self.redis("SET", f"dalston:apikeys:id:{api_key['id']}", key_hash)
        self.redis("SADD", f"dalston:apikeys:tenant:{tenant_id}", api_key["id"])
        return response(api_key) | {"key": full_key}

    def validate(self, key):
        self.begin_validate(key)
        return self.finish_validate(key)

    def begin_validate(self, key):
        self.read = self.redis("GET", f"dalston:apikeys:{hash_api_key(key)}")
        return self.read is not None

    def finish_validate(self, key):
        data, self.read = self.read, None
        if not key.startswith(KEY_PREFIX) or not data:
            return None
        api_key = model_validate_json(data)
        if api_key["revoked_at"]:
            return None
        api_key["last_used_at"] = datetime.now(UTC)
        self.redis("SET", f"dalston:apikeys:{hash_api_key(key)}", model_dump_json(api_key))
        return response(api_key)

    def list(self, tenant_id="default"):
        keys = []
        for key_id in self.redis("SMEMBERS", f"dalston:apikeys:tenant:{tenant_id}"):
            key_hash = self.redis("GET", f"dalston:apikeys:id:{key_id}")
            data = key_hash and self.redis("GET", f"dalston:apikeys:{key_hash}")
            if data:
                api_key = model_validate_json(data)
                if not api_key["revoked_at"]:
                    keys.append(response(api_key))
        return keys

    def revoke(self, key_id, tenant_id="default"):
        key_hash = self.redis("GET", f"dalston:apikeys:id:{key_id}")
        data = key_hash and self.redis("GET", f"dalston:apikeys:{key_hash}")
        if not data:
            return False
        api_key = model_validate_json(data)
        if api_key["tenant_id"] != tenant_id:
            return False
        api_key["revoked_at"] = datetime.now(UTC)
        self.redis("SET", f"dalston:apikeys:{key_hash}", model_dump_json(api_key))
        return True

    def raw(self, *words):
        return self.redis(*words)


service = AuthService(Redis(sys.argv[1]))
for line in sys.stdin:
    method, *arguments = json.loads(line)
    print(json.dumps(getattr(service, method)(*arguments)), flush=True)
