import { LAYOUT } from '../layout.ts'
import { sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { type Measured, readStorageLine, type StorageFacts } from './storage.ts'

export interface DatabaseFacts {
  connectionLimit: number
  allowsConnections: boolean
  ownedByPlatform: boolean
  /** `role=PRIVILEGE,…`, sorted; `-` stands for PUBLIC. */
  privileges: string
}

export interface RoleFacts {
  connectionLimit: number
  /** Of s(uper), r(createrole), d(createdb), p(replication), b(ypassrls), l(ogin): those that it has. */
  attributes: string
  verifier: string
  memberOfOthers: boolean
}

export interface InstanceFacts {
  state: string
  /** Names that were looked for; of others nothing is known. */
  looked: ReadonlySet<string> | 'all'
  databases: Map<string, DatabaseFacts>
  roles: Map<string, RoleFacts>
}

/** What a host was seen to hold for its tenants. */
export interface TenantFacts {
  pool: { generation: string; loaded: string; digest: string; unit: string }
  allow: { digest: string; elements: string[] }
  instances: Map<string, InstanceFacts>
  /** By name of the instance; none of one that has no place on the host. */
  storage: Map<string, StorageFacts>
}

/** Databases to look at in an instance; `all` for each that stands there. One not `known` counts as missing unseen. */
export type FactScope = Map<string, readonly { name: string; known: boolean }[] | 'all'>

export async function readTenantFacts(connection: HostConnection, scope: FactScope): Promise<TenantFacts> {
  const lines = [...scope].map(([instance, names]) => {
    const known = names === 'all' ? [] : names.filter((one) => one.known).map((one) => one.name)
    const list = names === 'all' ? '*' : known.join(',') || '-'
    return `${instance} ${list}\n`
  })
  const text = await connection.run(sh`${LAYOUT.library}/tenant-facts`, {
    input: lines.join(''),
    deadlineMs: 20_000,
  })
  return parseTenantFacts(text, scope)
}

/** @throws where a line is of no known form: facts are never guessed */
export function parseTenantFacts(text: string, scope: FactScope): TenantFacts {
  const facts: TenantFacts = {
    pool: { generation: '', loaded: '-', digest: '', unit: 'inactive' },
    allow: { digest: '', elements: [] },
    instances: new Map(),
    storage: new Map(),
  }
  const measured: Measured = { storage: facts.storage, sizes: new Map() }
  for (const line of text.split('\n')) {
    const words = line.split(' ')
    if (line !== '' && !readStorageLine(measured, words)) readLine(facts, scope, words)
  }
  return facts
}

function readLine(facts: TenantFacts, scope: FactScope, [word, first = '', ...rest]: string[]): void {
  const [second = '', third = '', fourth = '', fifth = '', sixth = ''] = rest
  if (word === 'pool') {
    facts.pool = { generation: first, loaded: second, digest: third, unit: fourth }
  } else if (word === 'allow') {
    facts.allow.digest = first
  } else if (word === 'element') {
    facts.allow.elements.push(first)
  } else if (word === 'instance') {
    const names = scope.get(first) ?? []
    const looked = names === 'all' ? names : new Set(names.map(({ name }) => name))
    facts.instances.set(first, { state: second, looked, databases: new Map(), roles: new Map() })
  } else if (word === 'database') {
    facts.instances.get(first)?.databases.set(second, {
      connectionLimit: Number(third),
      allowsConnections: fourth === 't',
      ownedByPlatform: fifth === 't',
      privileges: sixth,
    })
  } else if (word === 'role') {
    facts.instances.get(first)?.roles.set(second, {
      connectionLimit: Number(third),
      attributes: fourth,
      verifier: fifth,
      memberOfOthers: sixth === 't',
    })
  } else {
    throw new Error(`tenant-facts printed a line of no known form: ${word}`)
  }
}
