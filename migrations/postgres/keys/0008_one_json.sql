-- What of a key is searched by no column stands in one JSON: another field needs no other column. Not `jsonb`, which
-- rewrites numbers.
ALTER TABLE keys ADD COLUMN rest json;
UPDATE keys SET rest = json_build_object(
    'prefix', prefix, 'name', name, 'description', description,
    'scopes', string_to_array(scopes, ','),
    'rate_limit', rate_limit, 'created_by', created_by, 'metadata', metadata
);
ALTER TABLE keys
    ALTER COLUMN rest SET NOT NULL,
    DROP COLUMN prefix,
    DROP COLUMN name,
    DROP COLUMN description,
    DROP COLUMN scopes,
    DROP COLUMN rate_limit,
    DROP COLUMN created_by,
    DROP COLUMN metadata;
