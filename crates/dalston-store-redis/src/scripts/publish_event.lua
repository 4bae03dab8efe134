-- Puts an event into the outbox of its tenant's webhooks. ARGV: the event.
tell(cjson.decode(ARGV[1]))
