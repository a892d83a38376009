-- One line per database that a tenant has in this instance; variables: names (comma list, or * for all), instance.
WITH wanted AS (SELECT unnest(string_to_array(:'names', ',')) AS name)
SELECT 'database', :'instance', datname,
       datconnlimit, datallowconn, pg_get_userbyid(datdba) = 'dbhost',
       coalesce((SELECT string_agg(a.grantee::regrole::text || '=' || a.privilege_type, ',' ORDER BY 1)
                 FROM aclexplode(datacl) a WHERE pg_get_userbyid(a.grantee) IS DISTINCT FROM 'dbhost'), '-')
FROM pg_database
WHERE datname NOT IN ('postgres', 'template0', 'template1', 'tpl_tenant')
  AND (:'names' = '*' OR datname IN (SELECT name FROM wanted)) \g (fieldsep=' ')
WITH wanted AS (SELECT unnest(string_to_array(:'names', ',')) AS name)
SELECT 'role', :'instance', rolname, rolconnlimit,
       concat(CASE WHEN rolsuper THEN 's' END, CASE WHEN rolcreaterole THEN 'r' END,
              CASE WHEN rolcreatedb THEN 'd' END, CASE WHEN rolreplication THEN 'p' END,
              CASE WHEN rolbypassrls THEN 'b' END, CASE WHEN rolcanlogin THEN 'l' END),
       coalesce(rolpassword, '-'),
       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = a.oid)
FROM pg_authid a
WHERE rolname <> 'dbhost' AND rolname !~ '^pg_'
  AND (:'names' = '*' OR rolname IN (SELECT name FROM wanted)) \g (fieldsep=' ')
