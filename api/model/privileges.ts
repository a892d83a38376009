/** Roles of the control plane's own database: one for each program, so that each reads only what is its business. */
export const SERVER_ROLE = 'dbhost_server'
export const WORKER_ROLE = 'dbhost_worker'

/**
 * Run after each migration, by the owner of the tables; the roles exist already. The server may write the sealed
 * SSH key of a host and never read it; it does not touch machines either.
 */
export const GRANT_PRIVILEGES = `
  revoke all on all tables in schema public, boss from public;
  grant usage on schema public, boss to ${SERVER_ROLE}, ${WORKER_ROLE};
  grant execute on all functions in schema boss to ${SERVER_ROLE}, ${WORKER_ROLE};
  grant select, insert, update, delete on all tables in schema public, boss to ${WORKER_ROLE};
  grant select, insert, update, delete on all tables in schema public, boss to ${SERVER_ROLE};
  grant usage on all sequences in schema public, boss to ${SERVER_ROLE}, ${WORKER_ROLE};
  revoke all on host_credential, mikro_orm_migrations from ${SERVER_ROLE};
  grant insert on host_credential to ${SERVER_ROLE};
  revoke insert, update, delete on mikro_orm_migrations from ${WORKER_ROLE};
`
