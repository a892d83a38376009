/** Where things stand on a host. Templates name the same places; `layout.test.ts` compares. */
export const LAYOUT = {
  /** Taken by every change on the host for the length of one script. */
  lock: '/run/lock/dbhost.lock',
  /** Our scripts on the host: each file of `templates/lib`. */
  library: '/usr/local/lib/dbhost',
  pool: {
    user: 'pgbouncer',
    config: '/etc/pgbouncer/pgbouncer.ini',
    /** Symlink to the generation in force: databases.ini, hba.conf, userlist.txt. */
    tenants: '/etc/pgbouncer/tenants',
    generations: '/etc/pgbouncer/generations',
    socketDirectory: '/run/pgbouncer',
    /** Name of the generation that the running PgBouncer was seen to have loaded. */
    loaded: '/run/pgbouncer/loaded',
    port: 6432,
  },
  /** nft commands that fill the allowlist sets; the main ruleset includes it at boot. */
  allowSets: '/etc/dbhost/allow.nft',
  nftTable: 'inet dbhost',
  instances: {
    images: '/var/lib/pgi-images',
    data: '/var/lib/pgi',
    sockets: '/run/pgi',
    superuser: 'dbhost',
    /** What must outlive a restart: which instances are closed, held stopped, in clean-up. */
    marks: '/var/lib/dbhost',
  },
  /** Where a host's data volume is mounted, if it has one; the folders of instances lie on it. */
  dataVolume: '/srv/dbhost-data',
  ca: '/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt',
} as const
