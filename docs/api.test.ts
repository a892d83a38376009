import { readFileSync } from 'node:fs'
import test from 'ava'
import { ERROR_CODES } from '../common/errors.ts'
import { startApp } from '../test/app.ts'
import { examplesOf, requestOf, shapeOf } from '../test/documented.ts'
import { send } from '../test/send.ts'

const FILE = 'docs/api.md'
const app = await startApp()
test.after.always(() => app.close())

test('each example of the documentation gets the answer that stands below it', async (t) => {
  const { origin, key, host } = app
  const known: Record<string, string> = { API: origin, KEY: key.reveal(), HOST: host.id }
  for (const { heading, command, status, answer } of examplesOf(FILE)) {
    const { method, url, headers, body } = requestOf(command, known)
    const sent = await send(url, method, { headers, body, key: null })
    t.is(sent.status, status, `${heading}: ${sent.text}`)
    if (answer === undefined) t.is(sent.text, '', heading)
    else if (/json/.test(sent.headers['content-type'] ?? '')) {
      t.deepEqual(shapeOf(sent.body), shapeOf(JSON.parse(answer)), heading)
    } else t.regex(sent.text, /^-----BEGIN CERTIFICATE-----\n/, heading)
    if (heading === 'POST /api/v1/hosts' && status === 201) known.BOUGHT = sent.body.id
    if (heading === 'POST /api/v1/databases') {
      known.DATABASE = sent.body.id
      known.OPERATION = sent.body.operation.id
    }
  }
})

/** What stands in one list only. */
const difference = (one: readonly string[], other: readonly string[]): string[] => [
  ...one.filter((entry) => !other.includes(entry)),
  ...other.filter((entry) => !one.includes(entry)),
]

test('each route has an example, and each example a route', (t) => {
  const headings = examplesOf(FILE).map(({ heading }) => heading)
  const documented = headings.filter((heading) => heading.includes(' /'))
  t.deepEqual(difference(documented, app.routes), [])
})

test('each error code stands in the table with its status', (t) => {
  const rows = readFileSync(FILE, 'utf8').matchAll(/^\| (\d{3}) \| (.*) \|$/gm)
  const documented = [...rows].flatMap(([, status, codes = '']) =>
    [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`),
  )
  const existing = Object.entries(ERROR_CODES).map(([code, { status }]) => `${status} ${code}`)
  t.deepEqual(difference(documented, existing), [])
})
