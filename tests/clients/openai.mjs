// What a user of OpenAI's own client does, with nothing but another base URL and key. Prints what came, as JSON.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";

const { default: OpenAI } = createRequire(`${process.env.CLIENTS}/`)("openai");
const { AUDIO, BASE_URL, KEY } = process.env;

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0 });
const stranger = new OpenAI({ baseURL: BASE_URL, apiKey: "sk-not-a-key", maxRetries: 0 });

const transcribe = (options = {}, by = client) =>
  by.audio.transcriptions.create({ file: createReadStream(AUDIO), model: "whisper-1", ...options });
const translate = (options = {}) =>
  client.audio.translations.create({ file: createReadStream(AUDIO), model: "whisper-1", ...options });

const attempt = async (run) => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return { refused: { class: error.constructor.name, status: error.status, code: error.code, type: error.type } };
  }
};

const formats = ["json", "text", "srt", "verbose_json", "vtt"];
const each = async (run) => {
  const made = {};
  for (const name of formats) made[name] = await run({ response_format: name });
  return made;
};

const models = [];
for await (const model of client.models.list()) models.push(model);

console.log(JSON.stringify({
  plain: await transcribe(),
  formats: await each(transcribe),
  words: await transcribe({
    response_format: "verbose_json", timestamp_granularities: ["word", "segment"], language: "en",
    prompt: "Dalston", temperature: 0.2,
  }),
  translated: await each(translate),
  models,
  no_such_model: await attempt(() => client.models.retrieve("no-such-model")),
  stranger: await attempt(() => transcribe({}, stranger)),
  wrong_format: await attempt(() => transcribe({ response_format: "docx" })),
}));
