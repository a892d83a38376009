-- Makes the connection limit of each finished tenant database what it must be, and ends whom it shuts out.
-- variables: closed (t, f), keep (comma list of databases in clean-up), open_limit, cleanup_limit
-- First of all nobody writes any more; then the limits; then those who came in between. Makes nothing on the disk but
-- the rows that change, because the disk may be full.
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE :'closed'::bool AND backend_type = 'client backend' AND usename <> 'dbhost' AND datname IS NOT NULL
  AND datname <> ALL (string_to_array(:'keep', ','));
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', datname, wanted)
FROM (SELECT datname, datconnlimit,
             CASE WHEN NOT :'closed'::bool THEN :open_limit
                  WHEN datname = ANY (string_to_array(:'keep', ',')) THEN :cleanup_limit
                  ELSE 0 END AS wanted
      FROM pg_database d
      WHERE EXISTS (SELECT FROM aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
                    WHERE r.rolname = d.datname)) AS tenants
WHERE datconnlimit <> wanted AND datconnlimit <> -2 \gexec
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE :'closed'::bool AND backend_type = 'client backend' AND usename <> 'dbhost' AND datname IS NOT NULL
  AND datname <> ALL (string_to_array(:'keep', ','));
