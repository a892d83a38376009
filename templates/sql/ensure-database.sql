-- Makes role and database as wanted; variables: name, verifier, role_connections, database_connections.
-- CONNECTION LIMIT 0 marks a database that is not finished, so a half-made one is taken up where it stopped.
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
SELECT datconnlimit = 0 AS unfinished FROM pg_database WHERE datname = :'name' \gset
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT, TEMPORARY, CREATE ON DATABASE :"name" TO :"name";
\if :unfinished
\connect :"name"
ALTER SCHEMA public OWNER TO :"name";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
\endif
ALTER DATABASE :"name" WITH ALLOW_CONNECTIONS true CONNECTION LIMIT :database_connections;
