-- The end of the record.
primary()
return mark()
