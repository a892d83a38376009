import { execFileSync } from 'node:child_process'

/** Further IPv6 addresses of this computer in the /64 of a machine's link, each a source to come from. */
export class OwnAddresses {
  readonly network: string
  readonly addresses: string[]
  readonly #link: string

  /** @param outer this computer's own address on the link */
  constructor(outer: string, count: number) {
    const [, link = ''] = execFileSync('/usr/sbin/ip', ['-o', '-6', 'address', 'show', 'to', outer], {
      encoding: 'utf8',
    }).split(/\s+/)
    const prefix = outer.replace(/::.*/, '')
    this.#link = link
    this.network = `${prefix}::/64`
    this.addresses = Array.from({ length: count }, (_, index) => `${prefix}::a:${index.toString(16)}`)
    this.#change('add')
  }

  #change(verb: 'add' | 'delete'): void {
    const lines = this.addresses.map((address) => `address ${verb} ${address}/128 dev ${this.#link}\n`)
    const input = verb === 'add' ? lines.map((line) => line.replace('\n', ' nodad\n')) : lines
    execFileSync('/usr/sbin/ip', ['-6', '-batch', '-'], { input: input.join('') })
  }

  remove(): void {
    this.#change('delete')
  }
}
