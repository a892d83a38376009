import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import type { RunningService } from './running-service.ts'

/** What stands on the host for its tenants, read in other ways than the product reads it. */
export interface Standing {
  databases: string[]
  roles: string[]
  entries: string[]
  users: string[]
  hostRules: string[]
  localRules: string[]
  firewall: string[]
}

const READ = `
for socket in ${LAYOUT.instances.sockets}/*; do
  psql -XAtq -h "$socket" -U dbhost -d postgres -c "select 'databases ' || datname from pg_database where datname not in ('postgres','template0','template1','tpl_tenant')"
  psql -XAtq -h "$socket" -U dbhost -d postgres -c "select 'roles ' || rolname from pg_roles where rolname <> 'dbhost' and rolname !~ '^pg_'"
done
sed 's/ =.*//; s/^/entries /' ${LAYOUT.pool.tenants}/databases.ini
sed 's/^"//; s/".*//; s/^/users /' ${LAYOUT.pool.tenants}/userlist.txt
sed -n 's/^hostssl "\\([^"]*\\)" "[^"]*" \\(\\S*\\) .*/hostRules \\1 \\2/p; s/^local "\\([^"]*\\)".*/localRules \\1/p' ${LAYOUT.pool.tenants}/hba.conf
nft -j list set ${LAYOUT.nftTable} pg_allow4 | sed 's/.*"elem"//' | grep -o '"[0-9.]*\\.[0-9]*"' | tr -d '"' | sed 's/^/firewall /' || true
`

export async function readStanding({ service }: Pick<RunningService, 'service'>): Promise<Standing> {
  const text = await service.connection.run(script('read', READ))
  const of = (word: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1))
      .toSorted()
  return {
    ...{ databases: of('databases'), roles: of('roles'), entries: of('entries'), users: of('users') },
    ...{ hostRules: of('hostRules'), localRules: of('localRules'), firewall: of('firewall') },
  }
}
