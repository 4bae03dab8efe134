-- What of a key is searched by no column stands in one JSON: another field needs no other column.
ALTER TABLE keys ADD COLUMN rest TEXT NOT NULL DEFAULT '';

UPDATE keys SET rest = json_object(
    'prefix', prefix, 'name', name, 'description', description,
    'scopes', json('["' || replace(scopes, ',', '","') || '"]'),
    'rate_limit', rate_limit, 'created_by', created_by, 'metadata', json(metadata)
);

ALTER TABLE keys DROP COLUMN prefix;
ALTER TABLE keys DROP COLUMN name;
ALTER TABLE keys DROP COLUMN description;
ALTER TABLE keys DROP COLUMN scopes;
ALTER TABLE keys DROP COLUMN rate_limit;
ALTER TABLE keys DROP COLUMN created_by;
ALTER TABLE keys DROP COLUMN metadata;
