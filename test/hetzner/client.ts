import { setTimeout as sleep } from 'node:timers/promises'
import type { HetznerEmulator } from './emulator.ts'

const POLL_MS = 3
/** What takes long is not asked for as often. */
const LONGEST_POLL_MS = 100

interface ActionBody {
  id: number
  command: string
  status: string
  progress: number
  finished: string | null
  error: { code: string; message: string } | null
  resources: { id: number; type: string }[]
}

interface Thing {
  id: number
  name: string
  status: string
  locked: boolean
  fingerprint: string
  ip: string
  size: number
  linux_device: string
  architecture: string
  server: number | null
  servers: number[]
  volumes: number[]
  assignee_id: number | null
  assignee_type: string
  auto_delete: boolean
  location: { name: string }
  server_type: { name: string }
  image: { name: string }
  placement_group: { id: number } | null
  backup_window: string | null
  primary_disk_size: number
  dns_ptr: { ip: string; dns_ptr: string }[]
  public_net: {
    ipv4: { id: number; ip: string; dns_ptr: string } | null
    ipv6: { id: number; ip: string; dns_ptr: { ip: string; dns_ptr: string }[] } | null
    firewalls: { id: number; status: string }[]
  }
  applied_to: { type: string; applied_to_resources?: unknown[] }[]
  rules: { source_ips: string[] }[]
  record_count: number
  ttl: number | null
  records: { value: string; comment?: string }[]
  prices: { location: string; price_monthly: { net: string; gross: string } }[]
}

/** Every member that some answer has; a test reads those of the answer that it expects. */
interface Body {
  server: Thing
  primary_ip: Thing
  volume: Thing
  firewall: Thing
  ssh_key: Thing
  placement_group: Thing
  zone: Thing
  rrset: Thing
  server_types: Thing[]
  images: Thing[]
  servers: Thing[]
  ssh_keys: Thing[]
  locations: Thing[]
  pricing: {
    primary_ips: { type: string; prices: Thing['prices'] }[]
    volume: { price_per_gb_month: object }
  }
  action: ActionBody
  actions: ActionBody[]
  next_actions: ActionBody[]
  root_password: string | null
  meta: { pagination: object }
  error: { code: string; message: string; details: { fields?: { name: string }[] } | null }
}

interface Answer {
  status: number
  headers: Headers
  body: Body
}

/** Calls the emulator as any client does: over HTTP. */
export class Client {
  readonly #emulator: HetznerEmulator

  constructor(emulator: HetznerEmulator) {
    this.#emulator = emulator
  }

  async call(method: string, path: string, body?: unknown, token = this.#emulator.token): Promise<Answer> {
    const response = await fetch(`${this.#emulator.endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const parsed = (text === '' ? {} : JSON.parse(text)) as Body
    return { status: response.status, headers: response.headers, body: parsed }
  }

  get = async (path: string): Promise<Body> => (await this.call('GET', path)).body

  /** The status and code of a refusal, or only the status. */
  async refusal(method: string, path: string, body?: unknown): Promise<string> {
    const { status, body: answer } = await this.call(method, path, body)
    return [status, answer.error?.code].filter((part) => part !== undefined).join(' ')
  }

  /** The fields that an invalid input names. */
  async badFields(method: string, path: string, body: unknown): Promise<string[]> {
    const answer = await this.call(method, path, body)
    return (answer.body.error.details?.fields ?? []).map(({ name }) => name).toSorted()
  }

  /** Makes the call, and waits for its actions as the provider does. @returns the answer, with the actions as they ended */
  async done(method: string, path: string, body?: unknown): Promise<Body & { ended: ActionBody[] }> {
    const { status, body: answer } = await this.call(method, path, body)
    if (status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
    const { action, actions = [], next_actions = [] } = answer
    const ids = [...(action ? [action] : []), ...actions, ...next_actions].map(({ id }) => id)
    return { ...answer, ended: await this.ends(ids) }
  }

  async ends(ids: number[]): Promise<ActionBody[]> {
    if (ids.length === 0) return []
    const query = ids.map((id) => `id=${id}`).join('&')
    for (let pause = POLL_MS; ; pause = Math.min(pause * 2, LONGEST_POLL_MS)) {
      const { actions } = await this.get(`/actions?${query}&page=1&sort=status&sort=id`)
      if (actions.length !== ids.length) throw new Error(`actions not found: ${query}`)
      if (actions.every(({ status }) => status !== 'running')) return actions
      await sleep(pause)
    }
  }
}
