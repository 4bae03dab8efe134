// Uses OpenAI's official client for Node on a gateway, with nothing set but the base URL and the key.

const { createReadStream } = require("node:fs");
const { createRequire } = require("node:module");
const OpenAI = createRequire(`${process.env.MODULES}/`)("openai");

const client = new OpenAI();
const audio = () => createReadStream(process.env.AUDIO);

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
  told.stream = [];
  for await (const event of await transcribe({ stream: true })) told.stream.push(event);
  told.translation = await translate();
  told.translation_text = await translate({ response_format: "text" });
  told.models = [];
  for await (const model of client.models.list()) told.models.push(model.id);
  told.model = (await client.models.retrieve(told.models[0])).id;
  told.unknown_model = await refusal(() => client.models.retrieve("no-such-model"));
  told.diarized = await refusal(() => transcribe({ response_format: "diarized_json" }));
  const broken = await OpenAI.toFile(Buffer.from("no audio"), "a.wav");
  told.no_audio = await refusal(() => transcribe({ file: broken }));
  return told;
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

const modes = { everything, limited, refused };
modes[process.argv[2]]().then((told) => console.log(JSON.stringify(told)));
