/** Server connections over both entries of a database; below its limit, so that our own work always finds a place. */
export const ROLE_CONNECTIONS = 20

/** Connections to a database: its role's, and some for our own work. */
export const DATABASE_CONNECTIONS = ROLE_CONNECTIONS + 5

/** Connections to a database whose owner makes room in a full instance. */
export const CLEANUP_CONNECTIONS = 3
