-- Returns the record of a webhook. ARGV: tenant, id.
return webhook_of(ARGV[1], ARGV[2]) or false
