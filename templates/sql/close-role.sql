-- Ends every session of a role; variable: name.
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'name';
