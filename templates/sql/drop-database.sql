-- Drops database and role where they still stand; variable: name.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') AS has_role,
       EXISTS (SELECT FROM pg_database WHERE datname = :'name') AS has_database,
       -- A DROP that was interrupted leaves it invalid: it can be dropped and nothing else.
       EXISTS (SELECT FROM pg_database WHERE datname = :'name' AND datconnlimit <> -2) AS is_whole \gset
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'name';
\if :is_whole
ALTER DATABASE :"name" WITH ALLOW_CONNECTIONS false;
\endif
\if :has_database
DROP DATABASE :"name" WITH (FORCE);
\endif
\if :has_role
DROP ROLE :"name";
\endif
