-- The end of the record.
return mark()
