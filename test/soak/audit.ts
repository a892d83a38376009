import { setTimeout as sleep } from 'node:timers/promises'
import { AllowlistRule } from '../../api/model/allowlist-rule.ts'
import { Database } from '../../api/model/database.ts'
import { Host } from '../../api/model/host.ts'
import { Operation } from '../../api/model/operation.ts'
import { OperationStep } from '../../api/model/operation-step.ts'
import { queueConverge } from '../../api/services/hosts.ts'
import { openQueue } from '../../api/services/queue.ts'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { ownerAddress } from '../../start/schema.ts'
import { inMachine } from '../fire/machine.ts'
import { readStanding } from '../host/host-facts.ts'
import type { Service } from '../host/service.ts'

const QUIET_MS = 3 * 60_000

/** Waits until no operation is open. @returns what is still open when the time is up */
async function quiet({ orm }: Service): Promise<string[]> {
  const until = performance.now() + QUIET_MS
  for (;;) {
    const open = await orm.em.fork().find(Operation, { state: ['queued', 'running'] })
    if (open.length === 0) return []
    if (performance.now() > until)
      return open.map(({ id, kind, state, retryAt }) => `${kind} ${id} is still ${state}, retry ${retryAt}`)
    await sleep(200)
  }
}

/** The reconcile that comes every ten minutes, now. @returns what its steps said */
async function reconcile(service: Service): Promise<string> {
  const queue = await openQueue(ownerAddress(service.installation), { supervise: false })
  try {
    const { id } = await service.orm.em
      .fork()
      .transactional((tx) => queueConverge({ queue }, tx, tx.getReference(Host, service.host.id)))
    await quiet(service)
    const em = service.orm.em.fork()
    const { state, error } = await em.findOneOrFail(Operation, { id })
    const steps = await em.find(OperationStep, { operation: id }, { orderBy: { position: 'asc' } })
    return [
      `${state} ${error?.message ?? ''}`,
      ...steps.map(({ name, detail }) => `${name}: ${detail}`),
    ].join('\n')
  } finally {
    await queue.close()
  }
}

const sorted = (lines: Iterable<string>): string[] => [...new Set(lines)].toSorted((a, b) => (a < b ? -1 : 1))

function compare(what: string, wanted: Iterable<string>, found: Iterable<string>): string[] {
  const [left, right] = [sorted(wanted), sorted(found)]
  return [
    ...left.filter((one) => !right.includes(one)).map((one) => `${what}: ${one} is missing`),
    ...right.filter((one) => !left.includes(one)).map((one) => `${what}: ${one} is left over`),
    ...([...found].length === right.length ? [] : [`${what}: something stands there twice`]),
  ]
}

const INSTANCES = `
ls /var/lib/pgi | sed 's/^/folder\t/'
ls /var/lib/pgi-images | sed -n 's/\\.img$//p' | grep -vx template | sed 's/^/image\t/'
systemctl list-units --no-legend --plain --state=active 'pgi@*.service' | sed -E 's/^pgi@(.*)\\.service.*/unit\t\\1/'
for set in pg_allow4 pg_allow6; do
  nft -j list set inet dbhost $set | grep -oE '"(elem)": \\[.*' | grep -oE '"(addr|elem)"|"[0-9a-f.:]+"|"len": [0-9]+' || true
done | tr -d '" ' | grep -E '[.:]' | grep -v '^len' | sed 's/^/address\t/'
`

/** Everything that is not exactly as the rows want it. */
export async function auditService(service: Service, machine: LocalMachine): Promise<string[]> {
  const open = await quiet(service)
  const first = await reconcile(service)
  const second = await reconcile(service)
  const failed = [first, second].filter((said) => !said.startsWith('succeeded'))
  const restless = /configure: 0 changes[\s\S]*tenants: no change/.test(second)
    ? []
    : [`the second reconcile said ${second}`]

  const em = service.orm.em.fork()
  const rows = await em.find(Database, { deletedAt: null }, { populate: ['instance'] })
  const rules = await em.find(AllowlistRule, { database: { deletedAt: null } }, { populate: ['database'] })
  // One without a database has nothing on the host; its row waits for the next.
  const instances = rows.map(({ instance }) => instance.name)
  const names = rows.map(({ physicalName }) => physicalName)
  const entries = names.flatMap((name) => [name, `${name}_session`])
  const standing = await readStanding({ service })
  const own = inMachine(machine, INSTANCES).split('\n').filter(Boolean)
  const of = (word: string): string[] =>
    own.filter((line) => line.startsWith(`${word}\t`)).map((line) => line.slice(word.length + 1))
  const allowed = rules.map(({ cidr }) => cidr.replace(/\/(32|128)$/, ''))
  return [
    ...open,
    ...failed,
    ...restless,
    ...rows
      .filter(
        (row) => row.revision !== row.observedRevision || row.wanted !== 'present' || row.failure !== null,
      )
      .map(
        (row) =>
          `${row.physicalName}: revision ${row.revision}, seen ${row.observedRevision}, ${row.failure}`,
      ),
    ...compare('pg_database', names, standing.databases),
    ...compare('pg_roles', names, standing.roles),
    ...compare('entries of the pool', entries, standing.entries),
    ...compare('users of the pool', names, standing.users),
    ...compare('local rules', entries, standing.localRules),
    ...compare(
      'host rules',
      rules.flatMap(({ cidr, database: { physicalName: name } }) => [
        `${name} ${cidr}`,
        `${name}_session ${cidr}`,
      ]),
      standing.hostRules,
    ),
    ...compare('firewall', sorted(allowed), of('address')),
    ...compare('instance folders', instances, of('folder')),
    ...compare('instance images', instances, of('image')),
    ...compare('instance units', instances, of('unit')),
  ]
}
