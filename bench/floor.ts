import { randomName } from '../common/ids.ts'
import { newPassword, scramVerifier } from '../common/scram.ts'
import type { Secret } from '../common/secret.ts'
import { LAYOUT } from '../provisioner/layout.ts'
import { locked, script, sh } from '../provisioner/shell.ts'
import { renderAllowSet } from '../provisioner/tenants/allow-set.ts'
import { poolDigest, renderPoolFiles } from '../provisioner/tenants/pool-files.ts'
import { sqlVariables } from '../provisioner/tenants/sql.ts'
import type { Service } from '../test/host/service.ts'
import { login } from '../test/login.ts'

interface Prepared {
  name: string
  password: Secret
  /** Standard input of the script: SQL, allowlist set, files of the pool, each with its length before it. */
  input: string
  generation: string
  /** The allowlist set as it was before. */
  before: string
}

const APPLY_SET = `${LAYOUT.library}/allow-apply "$(cat /etc/dbhost/allow.revision)"`

/** The same SQL, set, files, trial, reload and read-back as the product, in one script over one warm connection. */
const FLOOR = `
part() { read -r bytes; head -c "$bytes"; }
part | ${LAYOUT.library}/tenant-sql
part >/run/dbhost-bench-set
[ "$2" = same ] || ${APPLY_SET} </run/dbhost-bench-set
part | ${LAYOUT.library}/pool-try "$1"
${LAYOUT.library}/pool-apply "$1"
`

async function prepare({ connection, host }: Service, instance: string, extra: string[]): Promise<Prepared> {
  const name = `floor_${randomName(6)}`
  const password = newPassword()
  const verifier = scramVerifier(password)
  const sql = `${sqlVariables({ name, verifier })}\\i ${LAYOUT.library}/sql/ensure-database.sql\n`
  const rules = host.spec.controlPlane
  const own = renderPoolFiles([{ ...{ name, instance, verifier, rules }, state: 'open', clients: 200 }])
  const files = { ...own }
  for (const file of Object.keys(own) as (keyof typeof own)[]) {
    files[file] = (await connection.run(sh`cat ${`${LAYOUT.pool.tenants}/${file}`}`)) + own[file]
  }
  const elements = await connection.run(
    script('elements', `sed -n 's/.*{ \\(.*\\) }$/\\1/p' ${LAYOUT.allowSets}`),
  )
  const before = elements.split('\n').filter(Boolean)
  const frames = Object.entries(files).map(([file, text]) => `${file} ${Buffer.byteLength(text)}\n${text}`)
  const parts = [
    `0 ${instance} ${Buffer.byteLength(sql)}\n${sql}`,
    renderAllowSet([...before, ...extra]),
    frames.join(''),
  ]
  return {
    ...{ name, password },
    input: parts.map((part) => `${Buffer.byteLength(part)}\n${part}`).join(''),
    generation: `${poolDigest(files)}-${Date.now()}`,
    before: renderAllowSet(before),
  }
}

/**
 * What a create costs at least, in milliseconds until a fresh login has its answer. What it made is removed outside
 * the measured time. @param extra networks that come into the allowlist set
 */
export async function floor(service: Service, instance: string, extra: string[]): Promise<number> {
  const prepared = await prepare(service, instance, extra)
  const { spec } = service.host
  const began = performance.now()
  const set = extra.length > 0 ? 'new' : 'same'
  const command = locked(script('floor', FLOOR, prepared.generation, set))
  const said = await service.connection.run(command, { input: prepared.input })
  if (!said.startsWith('0 0\n')) throw new Error(`the floor failed: ${said}`)
  await login(
    {
      host: spec.addresses[0] ?? '',
      port: spec.ports.pooler,
      ...{ database: prepared.name, username: prepared.name, password: prepared.password.reveal() },
    },
    service.ca,
  )
  const took = performance.now() - began
  if (extra.length > 0) {
    await service.connection.run(script('floor: set', APPLY_SET), { input: prepared.before })
  }
  const drop = `\\set name '${prepared.name}'\n\\i ${LAYOUT.library}/sql/drop-database.sql\n`
  await service.connection.run(sh`${LAYOUT.library}/tenant-sql`, {
    input: `0 ${instance} ${Buffer.byteLength(drop)}\n${drop}`,
  })
  return took
}
