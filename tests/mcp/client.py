"""The official client of the Model Context Protocol against a gateway: what it was told, as JSON."""

import asyncio
import contextlib
import json
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["DALSTON_URL"] + "/mcp"


@contextlib.asynccontextmanager
async def connected(mode, variable):
    """A client with the key in this variable, in this mode."""
    headers = {"Authorization": f"Bearer {os.environ[variable]}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(URL, http_client=http), mode=mode) as client,
    ):
        yield client


async def failure(work):
    """Why it failed."""
    try:
        await work
    except Exception as error:
        return {"text": repr(error)}


async def stranger(mode):
    """Connects without a key."""
    async with Client(URL, mode=mode):
        pass


async def speak(mode):
    """What a client with a key is told that connects in this mode."""
    told = {"stranger": await failure(stranger(mode))}
    async with connected(mode, "DALSTON_READER_KEY") as client:
        told["refused"] = await failure(client.call_tool("create_api_key", {"name": "x"}))
    async with connected(mode, "DALSTON_API_KEY") as client:

        async def call(what, tool, **arguments):
            result = await client.call_tool(tool, arguments)
            told[what] = result.model_dump(mode="json", by_alias=True)
            return result.structured_content

        told["revision"] = client.protocol_version
        told["server"] = client.server_info.model_dump(mode="json", by_alias=True)
        told["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        await call("whoami", "whoami")
        made = await call("made", "create_api_key", name=f"of {mode}", scopes=["jobs:read"])
        await call("listed", "list_api_keys")
        await call("revoked", "revoke_api_key", key_id=made["id"])
        await call("unknown", "get_api_key", key_id="nobody's")
        return told


async def refused():
    """What is told on the wire to whoever has no key."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(URL, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate")}


async def main():
    print(json.dumps({"modern": await speak("auto"), "greeting": await speak("legacy"), "refused": await refused()}))


asyncio.run(main())
