-- The size of each tenant database; variable: instance.
SELECT 'size', :'instance', datname, pg_database_size(oid) FROM pg_database
WHERE datname NOT IN ('postgres', 'template0', 'template1', 'tpl_tenant') \g (fieldsep=' ')
