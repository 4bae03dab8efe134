"""Whether the deliveries of a webhook verify with the library of Standard Webhooks: a JSON object on each line of
standard input, true or false on each line of standard output."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verifies(delivery):
    try:
        Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
        return True
    except WebhookVerificationError:
        return False


for line in sys.stdin:
    print(json.dumps(verifies(json.loads(line))))
