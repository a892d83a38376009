/** What a run did and found; every part of it writes here. */
export class Record {
  readonly operations = new Map<string, number>()
  readonly faults = new Map<string, number>()
  /** Honest refusals: problems that say that they may pass, connections that were lost. */
  readonly refusals = new Map<string, number>()
  readonly violations: string[] = []
  readonly #began = Date.now()
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  say(text: string): void {
    this.#say(`${((Date.now() - this.#began) / 1000).toFixed(1).padStart(7)} s  ${text}`)
  }

  count(table: 'operations' | 'faults' | 'refusals', name: string): void {
    this[table].set(name, (this[table].get(name) ?? 0) + 1)
  }

  /** Something that must never be was seen. */
  violation(text: string): void {
    this.violations.push(text)
    this.say(`VIOLATION ${text}`)
  }

  get summary(): string {
    const list = (table: Map<string, number>): string =>
      [...table]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')
    const total = (table: Map<string, number>): number =>
      [...table.values()].reduce((sum, one) => sum + one, 0)
    return (
      `${total(this.operations)} operations (${list(this.operations)}); ` +
      `${total(this.faults)} faults (${list(this.faults)}); ` +
      `${total(this.refusals)} honest refusals; ${this.violations.length} violations`
    )
  }
}
