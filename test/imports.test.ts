import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'

interface Room {
  /** Files of the room; the first room that fits a file is its room. */
  files: RegExp
  /** Project files that it may import. Its own room and `common` are always allowed. */
  may: RegExp[]
  /** Types only, which are gone at run time. */
  mayType?: RegExp[]
}

const HOST_SPEC = /^hosts\/host-spec\.ts$/
const KINDS = /^api\/operations\/kinds\.ts$/
const MODEL = /^api\/(model|migrations)\//

const ROOMS: Record<string, Room> = {
  common: { files: /^common\//, may: [] },
  'api/routes, middleware, schemas': {
    files: /^api\/(routes|middleware|schemas|app\.ts|server\.ts)/,
    may: [/^api\/(services|policies|schemas|routes|middleware|app|config)/, MODEL, KINDS, HOST_SPEC],
  },
  'api/services': {
    files: /^api\/(services\/|policies|config)/,
    may: [/^api\/(services\/|policies)/, MODEL, HOST_SPEC, KINDS, /^stacks\/document\.ts$/],
  },
  'api/operations, kinds': { files: KINDS, may: [] },
  'api/operations': {
    files: /^api\/(operations\/|worker)/,
    may: [
      /^api\/(operations\/|worker-process)/,
      MODEL,
      /^provisioner\//,
      /^hosts\//,
      /^stacks\/(document|gateway)/,
    ],
  },
  'api/worker': { files: /^api\/worker/, may: [/^api\//] },
  'api/model': { files: MODEL, may: [MODEL], mayType: [HOST_SPEC, KINDS] },
  provisioner: { files: /^provisioner\//, may: [/^provisioner\//, HOST_SPEC] },
  hosts: { files: /^hosts\//, may: [/^hosts\//] },
  start: { files: /^start\//, may: [/^/] },
  test: { files: /^(test|bench|docs)\/|\.test\.ts$/, may: [/^/] },
}

/** Libraries that only some rooms may load. */
const LIBRARIES: [RegExp, RegExp][] = [
  [/^(koa|@koa\/|koa-ratelimit)/, /^(api\/(app|server|routes|middleware|schemas)|test|bench)/],
  [/^(ssh2|node-ssh)$/, /^(provisioner\/|test)/],
  [/^@pulumi\//, /^stacks\//],
  [/^@mikro-orm\//, /^(api|start|test|bench)/],
]

interface Import {
  target: string
  typeOnly: boolean
}

const SOURCES = globSync('{api,common,hosts,provisioner,start,test,bench,docs,stacks,agent}/**/*.{ts,js}')

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/gms,
  )
  return [...statements].map(([, type, from, dynamic]) => {
    const name = from ?? dynamic ?? ''
    const target = name.startsWith('.') ? path.join(path.dirname(file), name) : name
    return { target, typeOnly: type !== undefined }
  })
}

function roomOf(file: string): [string, Room] {
  if (file.endsWith('.test.ts')) return ['test', ROOMS['test'] as Room]
  if (/^api\/worker/.test(file)) return ['api/worker', ROOMS['api/worker'] as Room]
  const found = Object.entries(ROOMS).find(([, room]) => room.files.test(file))
  if (!found) throw new Error(`${file} stands in no room`)
  return found
}

test('each file imports only what its room may import', (t) => {
  const wrong = SOURCES.flatMap((file) => {
    const [name, room] = roomOf(file)
    return importsOf(file)
      .filter(({ target }) => SOURCES.includes(target))
      .filter(({ target, typeOnly }) => {
        const allowed = [/^common\//, ...room.may, ...(typeOnly ? (room.mayType ?? []) : [])]
        return !room.files.test(target) && !allowed.some((pattern) => pattern.test(target))
      })
      .map(({ target }) => `${file} (${name}) imports ${target}`)
  })
  t.deepEqual(wrong, [])
})

test('libraries stay in their rooms', (t) => {
  const wrong = SOURCES.filter((file) => !file.endsWith('.test.ts')).flatMap((file) =>
    importsOf(file)
      .filter(({ typeOnly }) => !typeOnly)
      .filter(({ target }) => LIBRARIES.some(([library, rooms]) => library.test(target) && !rooms.test(file)))
      .map(({ target }) => `${file} loads ${target}`),
  )
  t.deepEqual(wrong, [])
})

test('nothing that the server loads reaches a host: no SSH, no provisioner, no operation code', (t) => {
  const reached = new Set<string>()
  const visit = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    for (const { target, typeOnly } of SOURCES.includes(file) ? importsOf(file) : [])
      if (!typeOnly) visit(target)
  }
  visit('api/server.ts')
  t.true(reached.has('api/app.ts'))
  const forbidden =
    /^(provisioner\/|stacks\/(?!document)|api\/operations\/(?!kinds)|hosts\/(?!host-spec)|start\/|ssh2|node-ssh|@pulumi)/
  t.deepEqual(
    [...reached].filter((file) => forbidden.test(file)),
    [],
  )
})
