-- Makes role and database as wanted; variables: name, verifier, role_connections, database_connections,
-- cleanup_connections, and as the host has it now: closed (t where the instance is full), keep (comma list of the
-- databases in clean-up). A database whose role may not connect yet is not finished, so a half-made one is taken up
-- where it stopped.
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') AS no_role,
       NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') AS no_database \gset
\if :no_role
CREATE ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT
  CONNECTION LIMIT :role_connections PASSWORD :'verifier';
\else
ALTER ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT
  CONNECTION LIMIT :role_connections PASSWORD :'verifier' VALID UNTIL 'infinity';
\endif
\if :no_database
CREATE DATABASE :"name" OWNER dbhost TEMPLATE tpl_tenant CONNECTION LIMIT 0;
\endif
SELECT NOT EXISTS (SELECT FROM aclexplode(datacl) a JOIN pg_roles r ON r.oid = a.grantee
                   WHERE r.rolname = :'name' AND a.privilege_type = 'CONNECT') AS unfinished,
       CASE WHEN NOT :'closed'::bool THEN :database_connections
            WHEN datname = ANY (string_to_array(:'keep', ',')) THEN :cleanup_connections
            ELSE 0 END AS connections
FROM pg_database WHERE datname = :'name' \gset
\if :unfinished
\connect :"name"
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') AS has_public \gset
\if :has_public
ALTER SCHEMA public OWNER TO :"name";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
\endif
\endif
BEGIN;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT, TEMPORARY, CREATE ON DATABASE :"name" TO :"name";
ALTER DATABASE :"name" WITH ALLOW_CONNECTIONS true CONNECTION LIMIT :connections;
COMMIT;
