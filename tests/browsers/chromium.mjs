// What a page does in a real Chromium. The environment has CLIENTS (the folder of node_modules) and CHROMIUM; the argument
// is JSON: what to do, and with what. Writes JSON.
import { createRequire } from "node:module";

const { default: puppeteer, ...named } = createRequire(`${process.env.CLIENTS}/`)("puppeteer-core");
const { mode, ...given } = JSON.parse(process.argv[2]);

const flags = ["--disable-dev-shm-usage", "--disable-gpu"];
if (process.getuid() === 0) flags.push("--no-sandbox");
if (given.microphone) {
  flags.push("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
  flags.push(`--use-file-for-fake-audio-capture=${given.microphone}`);
}
const browser = await (puppeteer ?? named).launch({
  executablePath: process.env.CHROMIUM,
  args: flags,
  pipe: true,
  protocolTimeout: 0,
});
try {
  const done = await { api, record }[mode](given);
  process.stdout.write(JSON.stringify(done));
} finally {
  await browser.close();
}

/** What a page of each origin gets of each door. */
async function api({ pages, ...things }) {
  const done = [];
  for (const url of pages) {
    const page = await browser.newPage();
    await page.goto(url);
    done.push(await page.evaluate(useAll, things));
  }
  return done;
}

/** Runs in the page. What failed without an answer is the name of its error. */
async function useAll({ gateway, key, audio }) {
  const done = {};
  const attempt = async (name, door) => {
    done[name] = await door().catch((error) => error.name);
  };
  const ask = (method, path, body, headers = {}) =>
    fetch(gateway + path, { method, body, headers: { Authorization: `Bearer ${key}`, ...headers } });
  const json = { "Content-Type": "application/json" };
  const form = (fields) => {
    const form = new FormData();
    form.append("file", new Blob([Uint8Array.from(audio)]), "talk.wav");
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return form;
  };
  await attempt("me", async () => {
    const answer = await ask("GET", "/auth/me");
    const exposed = ["X-Request-ID", "RateLimit", "RateLimit-Policy"].filter((name) => answer.headers.has(name));
    return { status: answer.status, name: (await answer.json()).name, exposed };
  });
  await attempt("made", async () => {
    const headers = { ...json, "Idempotency-Key": crypto.randomUUID() };
    const answer = await ask("POST", "/auth/keys", JSON.stringify({ name: "made in a page" }), headers);
    done.path = answer.headers.get("Location");
    return answer.status;
  });
  await attempt("patched", async () => (await ask("PATCH", done.path ?? "/auth/keys/x", '{"enabled": false}', json)).status);
  await attempt("deleted", async () => (await ask("DELETE", done.path ?? "/auth/keys/x")).status);
  await attempt("refused", async () => {
    const answer = await ask("GET", "/auth/me", undefined, { Authorization: "Bearer dk_wrong" });
    return [answer.status, (await answer.json()).code];
  });
  await attempt("health", async () => (await fetch(`${gateway}/health`)).status);
  await attempt("models", async () => (await (await ask("GET", "/openai/v1/models")).json()).object);
  await attempt("openai", async () => {
    const answer = await ask("POST", "/openai/v1/audio/transcriptions", form({ model: "whisper-1" }));
    return (await answer.json()).text;
  });
  await attempt("events", async () => {
    const job = await ask("POST", "/v1/audio/transcriptions", form({}));
    const events = await ask("GET", `${job.headers.get("Location")}/events`);
    const last = (await events.text()).trim().split("\n").at(-1);
    return JSON.parse(last.slice("data: ".length)).status;
  });
  const stream = "/v1/audio/transcriptions/stream";
  let ticket = "dt_none";
  await attempt("ticket", async () => {
    const answer = await ask("POST", "/auth/tickets", JSON.stringify({ path: stream, origin: location.origin }), json);
    ({ ticket } = await answer.json());
    return answer.status;
  });
  await attempt("stream", () => new Promise((resolve) => {
    const socket = new WebSocket(gateway.replace("http", "ws") + stream, ["dalston", `dalston.ticket.${ticket}`]);
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
    socket.onclose = ({ code }) => resolve(code);
  }));
  return done;
}

/** Uses the page of the example as somebody would: who records, waits until speech is heard, and stops. */
async function record({ pages: [url], gateway, key }) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  await page.locator("#gateway").fill(gateway);
  await page.locator("#key").fill(key);
  await page.locator("#record").click();
  const shown = (id, part) =>
    page.waitForFunction((id, part) => document.getElementById(id).textContent.includes(part), { timeout: 0 }, id, part);
  // Whichever comes first: what was wrong is shown as well.
  await Promise.race([shown("live", "vad.speech_end"), shown("live", "closed"), shown("text", " ")]);
  await page.locator("#stop").click();
  await Promise.all([shown("live", "closed"), shown("text", " ")]);
  const read = (id) => page.$eval(`#${id}`, (element) => element.textContent);
  return { live: await read("live"), text: await read("text"), problems };
}
