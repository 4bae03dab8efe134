-- ARGV: the event. Puts it into the outbox of its tenant's webhooks.
tell(cjson.decode(ARGV[1]))
