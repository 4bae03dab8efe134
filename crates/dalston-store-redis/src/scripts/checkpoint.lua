-- Returns the end of the audit log.
primary()
return mark()
