// Uses OpenAI's official client for Node on a gateway, with nothing set but the base URL and the key.

const { createReadStream, readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const modules = createRequire(`${process.env.MODULES}/`);
const OpenAI = modules("openai");

const client = new OpenAI();
const audio = () => createReadStream(process.env.AUDIO);
// What clients of other servers send beside it.
const EXTRA = {
  vad_filter: true,
  hotwords: "",
  beam_size: 5,
  word_timestamps: true,
  condition_on_previous_text: false,
  decoding: { best_of: 2 },
  stop: ["a", "b"],
};

async function refusal(ask) {
  try {
    await ask();
    return null;
  } catch (error) {
    const { status, code, type, param } = error;
    return { kind: error.constructor.name, status, code, type, param };
  }
}

const transcribe = (options) => client.audio.transcriptions.create({ model: "whisper-1", file: audio(), ...options });
const translate = (options) => client.audio.translations.create({ model: "whisper-1", file: audio(), ...options });

async function ignored(options) {
  const { data, response } = await transcribe(options).withResponse();
  return { text: data.text, ignored: response.headers.get("x-dalston-ignored") };
}

async function streamed(options) {
  const events = [];
  for await (const event of await transcribe({ stream: true, ...options })) events.push(event);
  return events;
}

async function models() {
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  return { models: listed, model: (await client.models.retrieve(listed[0])).id };
}

async function everything() {
  const told = {};
  for (const format of ["json", "text", "srt", "vtt", "verbose_json"]) {
    told[format] = await transcribe({ response_format: format });
  }
  told.words = await transcribe({
    response_format: "verbose_json",
    timestamp_granularities: ["word", "segment"],
    language: "en",
    prompt: "Hi.",
    temperature: 0.5,
  });
  told.stream = await streamed();
  const documented = {
    chunking_strategy: { type: "server_vad", threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200 },
    include: ["logprobs"],
    keywords: ["Dalston", "Kingsland"],
    known_speaker_names: ["a", "b"],
    known_speaker_references: Array(2).fill(`data:audio/wav;base64,${"A".repeat(300_000)}`),
    language: "en",
    languages: ["en", "de"],
    prompt: "Hi.",
    response_format: "json",
    temperature: 0,
    timestamp_granularities: ["segment"],
    stream: false,
  };
  const emptied = Object.entries(documented).map(([name, value]) => [name, Array.isArray(value) ? [] : ""]);
  told.documented = await ignored(documented);
  told.automatic = await ignored({ chunking_strategy: "auto" });
  told.empty = await ignored(Object.fromEntries(emptied));
  told.unnamed = await transcribe({ model: "" });
  told.extra = await ignored(EXTRA);
  told.translation = await translate();
  told.translation_text = await translate({ response_format: "text" });
  told.translation_empty = await translate({ prompt: "", temperature: "", response_format: "" });
  Object.assign(told, await models());
  told.unknown_model = await refusal(() => client.models.retrieve("no/such model"));
  told.diarized = await refusal(() => transcribe({ response_format: "diarized_json" }));
  const broken = await OpenAI.toFile(Buffer.from("no audio"), "a.wav");
  told.no_audio = await refusal(() => transcribe({ file: broken }));
  return told;
}

async function beside() {
  const told = {};
  for (const format of ["json", "text", "srt", "vtt"]) told[format] = await transcribe({ response_format: format });
  told.words = await transcribe({ timestamp_granularities: ["word"], response_format: "verbose_json" });
  told.stream = await streamed({ response_format: "json" });
  const broken = await OpenAI.toFile(Buffer.from("no audio"), "a.wav");
  told.no_audio = await refusal(() => transcribe({ file: broken, response_format: "json" }));
  return { ...told, ...(await models()) };
}

// What a session says until a transcript is complete, and then to a client that wants a conversation.
function session(Client, kind, update) {
  const sound = readFileSync(process.env.AUDIO).subarray(44).toString("base64");
  return new Promise((resolve, reject) => {
    const heard = [];
    const onURL = (url) => (url.protocol = "ws:");
    const realtime = new Client({ model: "gpt-4o-transcribe", onURL }, client);
    const wishes = { type: "realtime", output_modalities: ["text"] };
    realtime.socket.addEventListener("close", ({ code, reason }) => reject(new Error(`${code} ${reason}`)));
    realtime.on("error", () => {});
    realtime.on("event", (event) => {
      heard.push(event);
      if (event.type.endsWith(".created") && heard.length === 1) realtime.send({ type: kind, session: update });
      if (event.type.endsWith(".updated")) realtime.send({ type: "input_audio_buffer.append", audio: sound });
      if (event.type.endsWith(".completed")) realtime.send({ type: "session.update", session: wishes });
      if (event.type !== "error") return;
      resolve(heard);
      realtime.close();
    });
  });
}

async function realtime() {
  const { OpenAIRealtimeWebSocket: Current } = modules("openai/realtime/websocket");
  const { OpenAIRealtimeWebSocket: Beta } = modules("openai/beta/realtime/websocket");
  const transcription = { model: "gpt-4o-transcribe", language: "en" };
  const input = { format: { type: "audio/pcm", rate: 24000 }, transcription, turn_detection: { type: "server_vad" } };
  const beta = { input_audio_format: "pcm16", input_audio_transcription: transcription };
  return {
    model: await session(Current, "session.update", { type: "transcription", audio: { input } }),
    beta: await session(Beta, "transcription_session.update", beta),
  };
}

async function limited() {
  const hasty = client.withOptions({ maxRetries: 0 });
  const first = [];
  for await (const model of hasty.models.list()) first.push(model.id);
  return { first, second: await refusal(() => hasty.models.list()) };
}

async function refused() {
  return { models: await refusal(() => client.models.list()), transcribe: await refusal(() => transcribe()) };
}

const modes = { everything, beside, realtime, limited, refused };
modes[process.argv[2]]().then((told) => console.log(JSON.stringify(told)));
