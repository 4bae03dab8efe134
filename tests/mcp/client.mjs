// The official clients of the Model Context Protocol for TypeScript against a gateway: what they were told, as JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(`${process.env.CLIENTS}/`);
const load = (name) => import(pathToFileURL(resolve(name)));

const sdk = { ...(await load("@modelcontextprotocol/sdk/client/index.js")), ...(await load("@modelcontextprotocol/sdk/client/streamableHttp.js")) };
const client = await load("@modelcontextprotocol/client");

// A client that is connected. Each checks what it is told against the schema of the tool, once it has listed them.
async function connected({ Client, StreamableHTTPClientTransport }, options, key) {
  const requestInit = key ? { headers: { Authorization: `Bearer ${key}` } } : {};
  const transport = new StreamableHTTPClientTransport(new URL(`${process.env.DALSTON_URL}/mcp`), { requestInit });
  const connected = new Client({ name: "test", version: "0" }, options);
  await connected.connect(transport);
  return connected;
}

async function failure(work) {
  try {
    await work;
    return null;
  } catch (error) {
    return { code: error.code ?? null, text: String(error) };
  }
}

async function speak(which, options, name) {
  const speaker = await connected(which, options, process.env.DALSTON_API_KEY);
  const call = (tool, args = {}) => speaker.callTool({ name: tool, arguments: args });
  const told = { server: speaker.getServerVersion(), revision: speaker.getNegotiatedProtocolVersion?.() ?? null };
  told.tools = (await speaker.listTools()).tools.map((tool) => tool.name);
  told.whoami = await call("whoami");
  told.made = await call("create_api_key", { name: `of ${name}`, scopes: ["jobs:read"] });
  told.listed = await call("list_api_keys");
  told.revoked = await call("revoke_api_key", { key_id: told.made.structuredContent.id });
  told.unknown = await call("get_api_key", { key_id: "nobody's" });
  told.nothing = await failure(call("no_such_tool"));
  await speaker.close();

  const guest = await connected(which, options, process.env.DALSTON_READER_KEY);
  told.refused = await failure(guest.callTool({ name: "create_api_key", arguments: { name: "x" } }));
  await guest.close();
  told.stranger = await failure(connected(which, options, null));
  return told;
}

console.log(
  JSON.stringify({
    greeting: await speak(sdk, {}, "the first SDK"),
    modern: await speak(client, { versionNegotiation: { mode: "auto" } }, "the second SDK"),
  }),
);
