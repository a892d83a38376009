-- Drops database and role where they still stand; variable: name.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') AS has_role,
       EXISTS (SELECT FROM pg_database WHERE datname = :'name') AS has_database \gset
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'name';
\if :has_database
ALTER DATABASE :"name" WITH ALLOW_CONNECTIONS false;
DROP DATABASE :"name" WITH (FORCE);
\endif
\if :has_role
DROP ROLE :"name";
\endif
