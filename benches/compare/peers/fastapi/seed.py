"""The seed's way to admit a request, as it was written: FastAPI, pydantic and redis.asyncio.

What the seed left out is mended as little as it takes to run: imports, and `decode_responses`, which changes nothing here.
"""

import hashlib
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import redis.asyncio
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

KEY_PREFIX = "dk_"


class APIKeyResponse(BaseModel):
    """What `GET /auth/me` answers: the seed's members, and those that the other servers have beside them."""

    id: str
    prefix: str
    name: str
    description: str | None
    tenant_id: str
    scopes: list[str]
    rate_limit: int | None
    enabled: bool
    created_at: datetime
    created_by: str | dict | None
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    metadata: dict


class APIKey(APIKeyResponse):
    """The record in Redis."""

    key_hash: str


class AuthService:
    def __init__(self, redis_client):
        self.redis = redis_client

    async def validate_api_key(self, key: str) -> APIKey | None:
        if not key.startswith(KEY_PREFIX):
            return None
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        data = await self.redis.get(f"dalston:apikeys:{key_hash}")
        if not data:
            return None
        api_key = APIKey.model_validate_json(data)
        if api_key.revoked_at:
            return None
        api_key.last_used_at = datetime.now(UTC)
        await self.redis.set(f"dalston:apikeys:{key_hash}", api_key.model_dump_json())
        return api_key


security = HTTPBearer(auto_error=False)


async def get_auth_service(request: Request) -> AuthService:
    return request.app.state.auth_service


async def require_auth(
    request: Request,
    credentials: HTTPAuthorizationCredentials | None = Depends(security),
    auth_service: AuthService = Depends(get_auth_service),
) -> APIKey:
    token = credentials.credentials if credentials else request.query_params.get("api_key")
    if not token:
        raise HTTPException(401, "Missing API key", {"WWW-Authenticate": "Bearer"})
    api_key = await auth_service.validate_api_key(token)
    if not api_key:
        raise HTTPException(401, "Invalid or revoked API key", {"WWW-Authenticate": "Bearer"})
    if api_key.rate_limit and not await check_rate_limit(auth_service.redis, api_key.id, api_key.rate_limit):
        raise HTTPException(429, f"Rate limit exceeded ({api_key.rate_limit}/min)")
    request.state.api_key = api_key
    request.state.tenant_id = api_key.tenant_id
    return api_key


def require_scope(scope: str):
    async def checker(api_key: APIKey = Depends(require_auth)) -> APIKey:
        if "admin" in api_key.scopes:
            return api_key
        if scope not in api_key.scopes:
            raise HTTPException(403, f"Missing required scope: {scope}")
        return api_key

    return checker


async def check_rate_limit(redis, key_id: str, limit: int) -> bool:
    key = f"dalston:ratelimit:{key_id}"
    pipe = redis.pipeline()
    pipe.incr(key)
    pipe.expire(key, 60)
    results = await pipe.execute()
    return results[0] <= limit


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.auth_service = AuthService(redis.asyncio.from_url(os.environ["SEED_REDIS"]))
    yield


HEADERS = [line.split(": ", 1) for line in Path(os.environ["SEED_ANSWER"]).read_text().split("\n\n")[0].splitlines()]
app = FastAPI(lifespan=lifespan)


@app.get("/auth/me", response_model=APIKeyResponse)
async def get_current_key(response: Response, api_key: APIKey = Depends(require_scope("jobs:read"))):
    for name, value in HEADERS:
        if name != "content-type":
            response.headers[name] = value
    return APIKeyResponse(**api_key.model_dump(exclude={"key_hash"}))
