import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { Account } from '../../api/model/account.ts'
import { HostCredential } from '../../api/model/host-credential.ts'
import { createApiKey } from '../../api/services/accounts.ts'
import { openBox } from '../../common/seal.ts'
import { script } from '../../provisioner/shell.ts'
import { readBoxPrivateKey } from '../../start/keys.ts'
import { ownerAddress } from '../../start/schema.ts'
import { dumpOf } from '../dump.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { formsOf, secretsOf } from '../secret-forms.ts'
import { send } from '../send.ts'

let running: RunningService
let neighbour: Neighbour
const made: Answer[] = []
/** Every form of every secret of the run. */
const forms = new Set<string>()
/** What PostgreSQL and the pool compare a password with: kept, and shown to nobody. */
const verifiers: string[] = []

test.before(async () => {
  running = await RunningService.shared()
  const bystander = await running.createApart('w5-bystander')
  made.push(bystander)
  neighbour = await Neighbour.watch(bystander, running.service.ca)
  await makeSecrets()
})
test.after.always(async () => {
  await neighbour?.stop()
  await running?.delete(...made)
  await running?.remove()
})

const api = (method: string, path: string, body?: unknown) => {
  const { apiUrl, apiKey } = running.clone.facts
  const headers = { prefer: 'wait=60', 'idempotency-key': randomUUID() }
  return send(`${apiUrl}/api/v1${path}`, method, {
    ...{ key: apiKey, body },
    headers: method === 'POST' ? headers : { prefer: 'wait=60' },
  })
}
const inOrder = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const note = (secrets: readonly string[], hashes?: ('md5' | 'sha1')[]): void => {
  for (const secret of secrets) for (const form of formsOf(secret, hashes)) forms.add(form)
}

/** They open every password that is sealed. */
function ringKeys(): string[] {
  const file = join(running.service.installation.stateDir, 'keys/server/key-ring')
  return Object.values((JSON.parse(readFileSync(file, 'utf8')) as { keys: Record<string, string> }).keys)
}

async function makeSecrets(): Promise<void> {
  const { orm, installation, host } = running.service
  await api('POST', '/projects', { name: 'w5-project' })
  const first = await api('POST', '/databases', { name: 'w5-first' })
  const second = await api('POST', '/databases', { name: 'w5-second' })
  for (const { status, body, text: told } of [first, second]) {
    if (status !== 201) throw new Error(told)
    made.push(body)
    note(secretsOf(body))
  }
  const reset = await api('POST', `/databases/${first.body.id}/reset-password`)
  note(secretsOf(reset.body))
  // What goes wrong is logged as well: a login with the old password, a statement that has the new one in it.
  await running.login(first.body)
  const session = await running.connect({ ...first.body, password: reset.body.password })
  const broken = `alter role current_user password '${reset.body.password}' nonsense`
  await session.client.query(broken).catch(() => undefined)
  await session.end()

  const account = await orm.em.fork().findOneOrFail(Account, { name: 'local' })
  const { key } = await createApiKey(orm.em, account.id, 'w5')
  await send(`${running.clone.facts.apiUrl}/api/v1/projects`, 'GET', { key })
  note([key.reveal(), running.clone.facts.apiKey], ['md5', 'sha1'])
  note([running.clone.facts.database?.password ?? ''])
  const { sealedKey } = await orm.em.fork().findOneOrFail(HostCredential, { host: host.id })
  const boxKey = readBoxPrivateKey(installation)
  note([boxKey.reveal(), openBox(boxKey, sealedKey, `host:${host.id}:key`).reveal()])
  note(ringKeys())
  const rows = await orm.em.fork().getConnection().execute('select verifier from database')
  for (const { verifier } of rows as { verifier: string }[])
    verifiers.push(...verifier.split(/[$:]/).slice(-2))
}

// Packages from npm hold none of ours, and the images of instances are gigabytes of nothing.
const SKIPPED = ['--exclude-dir=node_modules', '--exclude-dir=pgi-images']

/** Files below these paths that hold one of the texts. */
async function filesWith(texts: Iterable<string>, ...paths: string[]): Promise<string[]> {
  const grep = spawn('grep', ['-rlaF', ...SKIPPED, '-f', '-', ...paths], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  grep.stdin.end([...texts].join('\n'))
  return (await text(grep.stdout)).split('\n').filter((line) => line !== '')
}

test.serial(
  'W5 nothing that the control plane keeps or writes down has a secret of the run in clear',
  async (t) => {
    t.true(forms.size > 100, `${forms.size}`)
    const { installation } = running.service
    const dump = await dumpOf(ownerAddress(installation))
    t.true(dump.includes('boss.') && dump.includes('w5-second'))
    for (const form of forms) t.false(dump.includes(form), `${form.slice(0, 20)}…`)

    // The files of that PostgreSQL have what rows no longer have: earlier versions, the log of changes.
    const data = join(installation.stateDir, 'postgres')
    t.not((await filesWith(['w5-second'], data)).length, 0, 'the search finds what is there')
    t.deepEqual(await filesWith(forms, data), [])

    const logs = readdirSync(installation.logDir)
    t.deepEqual(
      ['postgres.log', 'server.log', 'worker.log'].filter((log) => !logs.includes(log)),
      [],
    )
    t.not((await filesWith(['"msg":"ready"'], installation.logDir)).length, 0)
    t.deepEqual(await filesWith([...forms, ...verifiers], installation.logDir), [])
  },
)

test.serial(
  'W5 what the API says of databases, operations and hosts has no secret and no verifier',
  async (t) => {
    const texts: string[] = []
    for (const list of ['/databases', '/operations', '/projects', '/hosts']) {
      const { text: told, body } = await api('GET', `${list}?limit=100`)
      texts.push(told)
      for (const { id } of list === '/projects' ? [] : body.data)
        texts.push((await api('GET', `${list}/${id}`)).text)
    }
    const all = texts.join('\n')
    t.true(all.includes('reset-password') && all.includes('w5-second'))
    for (const form of [...forms, ...verifiers, 'SCRAM-SHA-256'])
      t.false(all.includes(form), `${form.slice(0, 20)}…`)
  },
)

test.serial('W5 no file, no log and no process of the host has a password in clear', async (t) => {
  const look = script(
    'look',
    `cat > /run/w5-texts; chmod 600 /run/w5-texts
{ journalctl -o cat --no-pager | grep -aF -f /run/w5-texts >/dev/null && echo journal
grep -rlaF --exclude-dir=pgi-images --exclude-dir=apt -f /run/w5-texts /etc /var/lib /var/log /root /home /tmp /usr/local 2>/dev/null
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do grep -laF -f /run/w5-texts "$file" 2>/dev/null; done; } || true
rm /run/w5-texts`,
  )
  const found = async (texts: Iterable<string>): Promise<string[]> =>
    (await running.service.connection.run(look, { input: [...texts].join('\n'), deadlineMs: 120_000 }))
      .split('\n')
      .filter(Boolean)
  const names = made.map(({ database }) => database)
  t.true((await found(names)).includes('journal'), 'the search finds what is there')
  t.deepEqual(await found(forms), [])
})

test.serial(
  'W5 the keys that open what is sealed lie outside the database, each with its one reader',
  async (t) => {
    const { installation } = running.service
    const ring = ringKeys()
    const box = readBoxPrivateKey(installation).reveal()
    const directory = join(installation.stateDir, 'keys')
    const below = async (texts: string[]): Promise<string[]> =>
      inOrder(await filesWith(texts, installation.stateDir, installation.runDir))
    const places = (...names: string[]) => names.map((name) => join(directory, name))
    t.deepEqual(await below([box]), places('originals.json', 'worker/box-private-key'))
    t.deepEqual(await below(ring), places('originals.json', 'server/key-ring', 'worker/key-ring'))
  },
)

test.serial('W5 a neighbour noticed nothing of all this', async (t) => {
  const { errors, commits, logins } = await neighbour.stop()
  t.deepEqual(errors, [])
  t.true(commits > 0 && logins > 0)
})
