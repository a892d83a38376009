import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { clientAddress } from './client-addresses.ts'
import type { Answer } from './service.ts'

const ip = (...args: string[]): void => {
  execFileSync('/usr/sbin/ip', args)
}

/** A client with an address of its own, which reaches an installation's machines through this computer. */
export class Namespace {
  readonly name: string
  readonly address: string
  /** This computer's end of the link: an address from which the test itself may come. */
  readonly outerAddress: string
  readonly #outer: string
  readonly #caFile: string
  readonly #table: string

  /**
   * @param ordinal 0 to 63, another for each that is there at the same time
   * @param neighbour as any computer of this network: nothing lets it in to the machines
   */
  constructor(installation: string, ordinal: number, caFile: string, { neighbour = false } = {}) {
    this.name = `t${installation}${ordinal}`
    this.address = clientAddress(ordinal)
    this.outerAddress = this.address.replace(/\d+$/, String(ordinal * 4 + 1))
    this.#outer = `t${installation}${ordinal}o`
    this.#caFile = caFile
    this.#table = `dbhost_${installation}`
    const inner = `t${installation}${ordinal}i`
    ip('netns', 'add', this.name)
    ip('link', 'add', this.#outer, 'type', 'veth', 'peer', 'name', inner, 'netns', this.name)
    ip('addr', 'add', `${this.outerAddress}/30`, 'dev', this.#outer)
    ip('link', 'set', this.#outer, 'up')
    ip('-n', this.name, 'addr', 'add', `${this.address}/30`, 'dev', inner)
    ip('-n', this.name, 'link', 'set', inner, 'up')
    ip('-n', this.name, 'route', 'add', 'default', 'via', this.outerAddress)
    if (!neighbour) this.letIn()
  }

  /** The installation lets nobody forward into its machines; a test's client has to be let in by name. */
  letIn(): void {
    const rule = ['insert', 'rule', 'inet', this.#table, 'forward', 'iifname', this.#outer, 'accept']
    execFileSync('/usr/sbin/nft', rule)
  }

  /** Does a TCP connection from here come about within two seconds? */
  async connects(address: string, port: number): Promise<boolean> {
    const open = `exec 3<>/dev/tcp/${address}/${port}`
    const args = ['netns', 'exec', this.name, 'timeout', '2', 'bash', '-c', open]
    const child = spawn('/usr/sbin/ip', args, { stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    return code === 0
  }

  #url(database: Answer, entry: string, more: string): string {
    const { username, password, host, port } = database
    const tls = more.includes('sslmode=') ? '' : `sslmode=verify-full&sslrootcert=${this.#caFile}&`
    return `postgresql://${username}:${password}@${host}:${port}/${entry}?${tls}connect_timeout=2${more}`
  }

  #psql(database: Answer, entry: string, more: string): string[] {
    return ['netns', 'exec', this.name, 'psql', '-XAtq', this.#url(database, entry, more), '-c', 'select 1']
  }

  /** What psql is told at login, or `in`. @param more further parameters of the connection string, each after a & */
  login(database: Answer, entry = database.database, more = ''): string {
    const { status, stderr } = spawnSync('/usr/sbin/ip', this.#psql(database, entry, more), {
      encoding: 'utf8',
    })
    return status === 0 ? 'in' : stderr.trim()
  }

  /** As `login`, beside others. */
  async loginBeside(database: Answer): Promise<string> {
    const child = spawn('/usr/sbin/ip', this.#psql(database, database.database, ''), { stdio: 'pipe' })
    let told = ''
    child.stderr.on('data', (data: Buffer) => {
      told += data.toString()
    })
    const [code] = await once(child, 'close')
    return code === 0 ? 'in' : told.trim()
  }

  /** Runs a command here, however it ends; after two minutes it is ended. */
  async run(...command: string[]): Promise<void> {
    const within = ['netns', 'exec', this.name, 'timeout', '120', ...command]
    const child = spawn('/usr/sbin/ip', within, { stdio: 'ignore' })
    await once(child, 'exit')
  }

  /** A session that sleeps inside a transaction. @returns what psql was told when it ended */
  async hold(database: Answer, entry = database.database): Promise<{ ended: Promise<string> }> {
    const sql = '\\echo held\nbegin;\nselect pg_sleep(600);\n'
    const args = ['netns', 'exec', this.name, 'psql', '-XAtq', this.#url(database, entry, '')]
    const child = spawn('/usr/sbin/ip', args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let told = ''
    child.stderr.on('data', (data: Buffer) => {
      told += data.toString()
    })
    const ended = once(child, 'exit').then(() => told.trim())
    child.stdin.end(sql)
    await Promise.race([once(child.stdout, 'data'), ended])
    return { ended }
  }

  remove(): void {
    spawnSync('/usr/sbin/ip', ['netns', 'del', this.name])
    spawnSync('/usr/sbin/ip', ['link', 'del', this.#outer])
    const chain = ['inet', this.#table, 'forward']
    const listed = spawnSync('/usr/sbin/nft', ['-a', 'list', 'chain', ...chain], { encoding: 'utf8' })
    // The next client of this name must not find itself let in.
    const own = new RegExp(`iifname "${this.#outer}" accept # handle (\\d+)`, 'g')
    for (const [, handle = ''] of listed.stdout.matchAll(own)) {
      spawnSync('/usr/sbin/nft', ['delete', 'rule', ...chain, 'handle', handle])
    }
  }
}
