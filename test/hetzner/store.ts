import { ApiError } from './errors.ts'
import type * as records from './records.ts'

/** Far above the ids of the catalog, so that the one taken for the other finds nothing. */
const FIRST_ID = 10_000_001

/** Everything of one kind. */
export class Table<Row extends records.Named> {
  /** As the API names it in messages and in the resources of an action. */
  readonly noun: string
  readonly #rows = new Map<number, Row>()

  constructor(noun: string) {
    this.noun = noun
  }

  all(): Row[] {
    return [...this.#rows.values()]
  }

  get(id: number): Row | undefined {
    return this.#rows.get(id)
  }

  /** Throws `not_found`. */
  need(id: number): Row {
    const row = this.#rows.get(id)
    if (!row) throw new ApiError('not_found', `${this.noun} with ID '${id}' not found`)
    return row
  }

  add(row: Row): Row {
    this.#rows.set(row.id, row)
    return row
  }

  delete(id: number): void {
    this.#rows.delete(id)
  }

  /** Throws `uniqueness_error` when another than `own` has the name. */
  refuseTaken(name: string, own?: number): void {
    if (!this.all().some((row) => row.name === name && row.id !== own)) return
    const details = { fields: [{ name: 'name' }] }
    throw new ApiError('uniqueness_error', `${this.noun} name is already used`, { details })
  }
}

/** What the emulated project holds. */
export class Store {
  readonly servers = new Table<records.ServerRecord>('server')
  readonly primaryIps = new Table<records.PrimaryIpRecord>('primary_ip')
  readonly volumes = new Table<records.VolumeRecord>('volume')
  readonly firewalls = new Table<records.FirewallRecord>('firewall')
  readonly sshKeys = new Table<records.SshKeyRecord>('ssh_key')
  readonly placementGroups = new Table<records.Named>('placement_group')
  readonly zones = new Table<records.ZoneRecord>('zone')
  #lastId = FIRST_ID - 1

  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** The beginning of every record. */
  named({
    name,
    labels = {},
  }: {
    name: string
    labels?: records.Named['labels'] | undefined
  }): records.Named {
    return { id: this.nextId(), name, labels, created: new Date().toISOString() }
  }

  /** Names by kind, without kinds of which there is nothing. */
  holdings(): Record<string, string[]> {
    const names = (table: { all: () => { name: string }[] }): string[] => table.all().map(({ name }) => name)
    const rrsets = this.zones
      .all()
      .flatMap((zone) => [...zone.rrsets.keys()].map((rrset) => `${zone.name} ${rrset}`))
    const held = {
      servers: names(this.servers),
      primary_ips: names(this.primaryIps),
      volumes: names(this.volumes),
      firewalls: names(this.firewalls),
      ssh_keys: names(this.sshKeys),
      placement_groups: names(this.placementGroups),
      zones: names(this.zones),
      rrsets,
    }
    const filled = Object.entries(held).filter(([, list]) => list.length > 0)
    return Object.fromEntries(filled.map(([kind, list]) => [kind, list.toSorted()]))
  }
}
