import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'

interface Room {
  /** Files of the room. */
  files: RegExp
  /** Project files that it may import. Its own room and `common` are always allowed. */
  may: RegExp[]
  /** Types only, which are gone at run time. */
  mayType?: RegExp[]
}

const HOST_SPEC = /^hosts\/host-spec\.ts$/
/** How the cloud is asked, and by what our things are found in it. */
const CLOUD_CLIENT = /^hosts\/hcloud\/(client|cloud-error|machine)\.ts$/
const KINDS = /^api\/operations\/kinds\.ts$/
const DOCUMENT = /^stacks\/document\.ts$/
const MODEL = /^api\/(model|migrations)\//

/** In this order: the first that fits a file is its room. */
const ROOMS: { name: string; room: Room }[] = [
  { name: 'test', room: { files: /^(test|bench|docs)\/|\.test\.ts$/, may: [/^/] } },
  { name: 'common', room: { files: /^common\//, may: [] } },
  { name: 'api/worker', room: { files: /^api\/worker/, may: [/^api\//, /^stacks\/(engine|gateway)/] } },
  {
    name: 'api/routes, middleware, schemas',
    room: {
      files: /^api\/(routes|middleware|schemas|app\.ts|server\.ts)/,
      may: [/^api\/(services|policies|schemas|routes|middleware|app|config)/, MODEL, KINDS, HOST_SPEC],
    },
  },
  {
    name: 'api/services',
    room: {
      files: /^api\/(services\/|policies|config)/,
      may: [MODEL, HOST_SPEC, KINDS, DOCUMENT],
    },
  },
  { name: 'kinds', room: { files: KINDS, may: [] } },
  {
    name: 'api/operations',
    room: {
      files: /^api\/operations\//,
      may: [MODEL, /^provisioner\//, /^hosts\//, /^stacks\/(document|engine|gateway|protocol)/],
    },
  },
  { name: 'api/model', room: { files: MODEL, may: [], mayType: [HOST_SPEC, KINDS] } },
  { name: 'stacks/document', room: { files: DOCUMENT, may: [HOST_SPEC] } },
  { name: 'stacks', room: { files: /^stacks\//, may: [HOST_SPEC, CLOUD_CLIENT, /^provisioner\//] } },
  { name: 'tools', room: { files: /^tools\//, may: [/^hosts\/local\/lock\.ts$/, /^stacks\/engine\.ts$/] } },
  { name: 'provisioner', room: { files: /^provisioner\//, may: [HOST_SPEC] } },
  { name: 'hosts', room: { files: /^hosts\//, may: [] } },
  { name: 'start', room: { files: /^start\//, may: [/^/] } },
]

/** Libraries that only some rooms may load. */
const LIBRARIES: [RegExp, RegExp][] = [
  [/^(koa|@koa\/|koa-ratelimit)/, /^(api\/(app|server|routes|middleware|schemas)|test|bench)/],
  [/^(ssh2|node-ssh)$/, /^(provisioner\/|test)/],
  [/^@pulumi\//, /^(stacks|test|bench)\//],
  [/^@mikro-orm\//, /^(api|start|test|bench)/],
]

interface Import {
  target: string
  typeOnly: boolean
}

const SOURCES = globSync(
  '{api,common,hosts,provisioner,start,test,bench,docs,stacks,agent,tools}/**/*.{ts,js}',
)

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

function roomOf(file: string): { name: string; room: Room } {
  const found = ROOMS.find(({ room }) => room.files.test(file))
  if (!found) throw new Error(`${file} stands in no room`)
  return found
}

test('each file imports only what its room may import', (t) => {
  const wrong = SOURCES.flatMap((file) => {
    const { name, room } = roomOf(file)
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
