import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** One example request of the documentation with its answer. */
export interface Example {
  /** `GET /api/v1/databases/:id`, or the text of another heading. */
  heading: string
  /** Shell text with one call of curl. */
  command: string
  status: number
  /** Text of the answer's body; undefined where it has none. */
  answer: string | undefined
}

const EXAMPLE = /```sh\n(curl .*?)```\n\nAnswer: (\d{3})\n(?:\n```(?:json)?\n(.*?)```)?/gs

/** Every example of a Markdown file, in its order. */
export function examplesOf(file: string): Example[] {
  const sections = readFileSync(file, 'utf8').split(/^#{2,3} /m)
  return sections.flatMap((section) => {
    const heading = section.slice(0, section.indexOf('\n'))
    return [...section.matchAll(EXAMPLE)].map(([, command = '', status, answer]) => ({
      ...{ heading, command, status: Number(status), answer },
    }))
  })
}

export interface Request {
  method: string
  url: string
  headers: Record<string, string>
  body: Buffer | undefined
}

/** What curl would send. The shell reads the text, so quotes and variables are what a reader's shell makes of them. */
export function requestOf(command: string, environment: Record<string, string>): Request {
  const script = `set -u\ncurl() { for word; do printf '%s\\0' "$word"; done; }\n${command}`
  const shell = spawnSync('sh', ['-c', script], { env: environment, encoding: 'utf8' })
  if (shell.status !== 0) throw new Error(`${command}: ${shell.stderr}`)
  const request: Request = { method: '', url: '', headers: {}, body: undefined }
  const words = shell.stdout.split('\0').slice(0, -1)
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-X') request.method = words.shift() ?? ''
    else if (word === '-d') request.body = Buffer.from(words.shift() ?? '')
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(/: (.*)/s)
      request.headers[name.toLowerCase()] = value
    } else if (word.startsWith('http')) request.url = word
    else throw new Error(`${command}: this test does not know ${word}`)
  }
  request.method ||= request.body ? 'POST' : 'GET'
  return request
}

/** Names and types of a JSON value, without its values; of a list, what its first entry looks like. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, shapeOf(member)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}
