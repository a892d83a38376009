import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { Secret } from '../common/secret.ts'
import { serveKey } from './key-agent.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'dbhost-agent-'))
const key = join(folder, 'key')

test.before(() => run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]))
test.after.always(() => rmSync(folder, { recursive: true }))

test.serial('OpenSSH finds the one key and signs with it, without ever seeing it', async (t) => {
  const agent = await serveKey(folder, new Secret(readFileSync(key, 'utf8')))
  const env = { ...process.env, SSH_AUTH_SOCK: agent.socket }
  rmSync(key)
  const [type = '', blob = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ')
  const { stdout } = await run('ssh-add', ['-L'], { env })
  t.true(stdout.startsWith(`${type} ${blob}`))
  const message = join(folder, 'message')
  writeFileSync(message, 'hello')
  await run('ssh-keygen', ['-Y', 'sign', '-f', `${key}.pub`, '-n', 'file', message], { env })
  const allowed = join(folder, 'allowed')
  writeFileSync(allowed, `me ${type} ${blob}\n`)
  const verify = `ssh-keygen -Y verify -f "$1" -I me -n file -s "$2.sig" <"$2"`
  await t.notThrowsAsync(run('sh', ['-c', verify, 'sh', allowed, message]))
  agent.close()
  await t.throwsAsync(run('ssh-add', ['-L'], { env }))
})

test.serial('only its user can enter the folder of its socket', async (t) => {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')])
  const agent = await serveKey(folder, new Secret(readFileSync(join(folder, 'other'), 'utf8')))
  t.is(statSync(dirname(agent.socket)).mode & 0o777, 0o700)
  agent.close()
})

test('what is no key is said without quoting it', async (t) => {
  const error = await t.throwsAsync(serveKey(folder, new Secret('no key at all')))
  t.regex(error?.message ?? '', /cannot be read/)
  t.notRegex(error?.message ?? '', /no key at all/)
})
