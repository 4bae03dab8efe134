// Whether the deliveries of a webhook verify with the library of Standard Webhooks: a JSON object on each line of
// standard input, true or false on each line of standard output.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook, WebhookVerificationError } = createRequire(`${process.env.CLIENTS}/`)("standardwebhooks");

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log(true);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log(false);
  }
}
