import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../random.ts'
import type { Body, Calls, Outcome } from './calls.ts'
import { deposit, loginAs, type Target } from './client.ts'
import type { Record } from './record.ts'
import type { Weather } from './weather.ts'

/** What must be true of one database. */
export interface Kept extends Target {
  id: string
  name: string
  /** Do its rules cover this computer? */
  open: boolean
  /** Passwords that must never work again. */
  old: string[]
  /** Numbers whose insertion was acknowledged, and the last one that was tried. */
  acknowledged: Set<number>
  tried: number
}

export interface Surroundings {
  calls: Calls
  record: Record
  weather: Weather
  ca: string
  /** Networks that cover this computer as the host sees it. */
  own: readonly string[]
}

/** The database that fills a disk: the run's own, in the project of a tenant. */
export const FILLER = 'filler'
const MOST_DATABASES = 3
/** A login that must work works within this time after the last disturbance has ended. */
const CALM_MS = 90_000
const ELSEWHERE = '203.0.113.9/32'

/** A client with a project of its own who does one thing after the other, and checks what it is told. */
export class Tenant {
  readonly project: string
  readonly databases: Kept[] = []
  readonly #gone: Kept[] = []
  readonly #around: Surroundings
  readonly #random: SeededRandom
  #count = 0

  constructor(project: string, around: Surroundings, random: SeededRandom) {
    this.project = project
    this.#around = around
    this.#random = random
  }

  async run(stop: AbortSignal): Promise<void> {
    const { record, calls } = this.#around
    await calls.definite('POST', '/projects', { name: this.project }, `soak-${this.project}`)
    while (!stop.aborted) {
      const action = this.#choose()
      try {
        await action()
      } catch (error) {
        record.violation(`${this.project}: ${error instanceof Error ? error.message : String(error)}`)
      }
      await sleep(this.#random.between(0, 400))
    }
  }

  #choose(): () => Promise<void> {
    const database = this.databases.length > 0 ? this.#random.pick(this.databases) : undefined
    const chance = this.#random.next()
    if (!database || (this.databases.length < MOST_DATABASES && chance < 0.2)) return () => this.create()
    if (chance < 0.55) return () => this.use(database)
    if (chance < 0.7) return () => this.#reset(database)
    if (chance < 0.85) return () => this.#relist(database)
    if (chance < 0.95) return () => this.delete(database)
    return () => this.#look()
  }

  async create(): Promise<void> {
    const name = `${this.project}-${++this.#count}`
    const key = `create-${name}`
    const outcome = await this.#does('create', 'POST', '/databases', { name, project: this.project }, key)
    if (outcome.status >= 400 || outcome.failed !== undefined || !outcome.body.password) {
      return await this.#undo(name, outcome)
    }
    const { id, host, port, database, username, password } = outcome.body
    const kept: Kept = {
      ...{ id, name, host, port, database, username, password, ca: this.#around.ca },
      ...{ open: true, old: [], acknowledged: new Set<number>(), tried: 0 },
    }
    this.databases.push(kept)
    await this.use(kept)
  }

  /** A create that failed leaves a database that is wanted: it is taken back, whatever became of it. */
  async #undo(name: string, { status, body, failed }: Outcome): Promise<void> {
    const { record } = this.#around
    if (status >= 400 && failed === undefined && body.code !== 'DATABASE_EXISTS')
      record.violation(`create of ${name} was refused: ${status} ${body.code} ${body.detail}`)
    if (failed !== undefined) record.say(`the create of ${name} failed: ${failed}`)
    const found = (await this.#listed()).find((row) => row.name === name)
    if (found) await this.#does('take back', 'DELETE', `/databases/${found.id}`)
  }

  async use(kept: Kept): Promise<void> {
    const { record } = this.#around
    record.count('operations', 'use')
    const entry = this.#random.pick([kept.database, `${kept.database}_session`])
    if (!kept.open) return await this.#mustNotWork(kept, kept.password, 'no rule covers it')
    await this.#eventually(kept, async () => {
      kept.tried += 1
      const mine = kept.tried
      const found = await deposit(kept, entry, mine)
      kept.acknowledged.add(mine)
      const lost = [...kept.acknowledged].filter((one) => !found.includes(one))
      const unknown = found.filter((one) => one > kept.tried || one < 1)
      if (lost.length > 0) record.violation(`${kept.database} lost the rows ${lost.join(' ')}`)
      if (unknown.length > 0) record.violation(`${kept.database} has foreign rows ${unknown.join(' ')}`)
    })
    const [old] = kept.old.slice(-1)
    if (old !== undefined) await this.#mustNotWork(kept, old, 'its password was replaced')
  }

  /** Repeats what must work until it does, while it may be disturbed. */
  async #eventually(kept: Kept, act: () => Promise<void>): Promise<void> {
    const { record, weather } = this.#around
    const began = performance.now()
    for (;;) {
      try {
        return await act()
      } catch (error) {
        record.count('refusals', 'login or query')
        if (weather.full.has(this.project)) return
        const calm = Math.min(weather.calmFor, performance.now() - began)
        if (calm > CALM_MS) {
          const why = error instanceof Error ? error.message : String(error)
          return record.violation(`${kept.database} does not work though all is calm: ${why}`)
        }
        await sleep(200)
      }
    }
  }

  async #mustNotWork(kept: Kept, password: string, why: string): Promise<void> {
    const entry = this.#random.pick([kept.database, `${kept.database}_session`])
    if ((await loginAs({ ...kept, password }, entry)) === 'in')
      this.#around.record.violation(`a login to ${entry} works though ${why}`)
  }

  async #reset(kept: Kept): Promise<void> {
    const path = `/databases/${kept.id}/reset-password`
    const outcome = await this.#does(
      'reset',
      'POST',
      path,
      {},
      `reset-${kept.name}-${kept.old.length}-${++this.#count}`,
    )
    kept.old.push(kept.password)
    // Where nobody can say which password is in force, only the next reset makes it known.
    if (outcome.status >= 400 || outcome.failed !== undefined || !outcome.body.password) {
      kept.old.pop()
      return await this.#reset(kept)
    }
    kept.password = outcome.body.password
    await this.#mustNotWork(kept, kept.old.at(-1) ?? '', 'its password was replaced')
    await this.use(kept)
  }

  async #relist(kept: Kept): Promise<void> {
    const { own } = this.#around
    const open = !kept.open || this.#random.next() < 0.3
    const rules = [...(open ? own : []), ELSEWHERE].map((cidr) => ({ cidr }))
    const outcome = await this.#does('re-list', 'PUT', `/databases/${kept.id}/allowlist`, { rules })
    if (outcome.failed !== undefined) return await this.#relist(kept)
    kept.open = open
    await this.use(kept)
  }

  async delete(kept: Kept): Promise<void> {
    const { status, body, failed } = await this.#does('delete', 'DELETE', `/databases/${kept.id}`)
    if (failed !== undefined || (status >= 400 && status !== 404))
      this.#around.record.violation(`delete of ${kept.database} ended as ${status} ${body.code} ${failed}`)
    this.databases.splice(this.databases.indexOf(kept), 1)
    this.#gone.push(kept)
    await this.#mustNotWork(kept, kept.password, 'it was deleted')
  }

  /** The API lists exactly what this tenant made and did not delete. */
  async #look(): Promise<void> {
    this.#around.record.count('operations', 'look')
    const names = (rows: { name: string }[]): string[] =>
      rows.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1))
    const [listed, kept] = [names(await this.#listed()), names(this.databases)]
    if (listed.join(' ') !== kept.join(' '))
      this.#around.record.violation(
        `${this.project} has [${listed.join(' ')}] instead of [${kept.join(' ')}]`,
      )
    const gone = this.#gone.length > 0 ? this.#random.pick(this.#gone) : undefined
    if (gone) await this.#mustNotWork(gone, gone.password, 'it was deleted')
  }

  async #listed(): Promise<(Body & { name: string })[]> {
    const { body } = await this.#around.calls.definite('GET', '/databases?limit=100')
    const { data } = body as unknown as { data: (Body & { name: string; project: { name: string } })[] }
    return data.filter(
      ({ name, project, status }) =>
        name !== FILLER && project.name === this.project && status !== 'deleting',
    )
  }

  async #does(what: string, method: string, path: string, body?: unknown, key?: string): Promise<Outcome> {
    this.#around.record.count('operations', what)
    return await this.#around.calls.definite(method, path, body, key)
  }
}
