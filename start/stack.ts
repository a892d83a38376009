import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Host } from '../api/model/host.ts'
import { Operation } from '../api/model/operation.ts'
import { openHostKey, openOwnKey } from '../api/operations/host-keys.ts'
import { type OperationKind, STACK_KINDS } from '../api/operations/kinds.ts'
import { readCloudAccess } from '../api/operations/stacks/cloud-access.ts'
import type { Secret } from '../common/secret.ts'
import { type KeyAgent, serveKey } from '../provisioner/key-agent.ts'
import type { Engine } from '../stacks/engine.ts'
import { engineEnvironment } from '../stacks/environment.ts'
import { buildEngine } from '../tools/engine/build.ts'
import { adoptAll } from './adoption.ts'
import { ensureEngine } from './engine.ts'
import type { Installation } from './installation.ts'
import { cloudFile, readBoxPrivateKey } from './keys.ts'
import { findWorkerId } from './os-users.ts'
import { openRunByHand } from './runs-by-hand.ts'
import { Refusal, runCommand } from './say.ts'
import { type HostServices, withRunning } from './services.ts'
import { stateOf, stateSettingOf } from './stacks.ts'
import { readStartFacts } from './start-facts.ts'
import { giveFolder } from './state-folder.ts'

/** Progress is for people; standard output is the engine's alone. */
const tell = (text: string): void => console.error(text)

const args = process.argv.slice(2)

/** Kinds of operations that change what a stack says. */
const RECORDING: OperationKind[] = STACK_KINDS.filter((kind) => kind !== 'observe-stack')

/** An update that is still to be recorded would show as a change. */
async function untilRecorded({ em }: HostServices): Promise<void> {
  for (let told = false; ; told = true) {
    const open = await em
      .fork()
      .count(Operation, { kind: { $in: RECORDING }, state: { $in: ['queued', 'running'] } })
    if (open === 0) return
    if (!told) tell(`Waiting for ${open} stack operations of the service`)
    await sleep(300)
  }
}

async function runPulumi(
  services: HostServices,
  installation: Installation,
  engine: Engine,
  worker: number,
): Promise<void> {
  const facts = readStartFacts(installation)
  if (!facts) throw new Refusal('.dbhost/start.json is missing: let npm start end its first start.')
  const host = await selectedHost(services)
  const directory = openRunByHand(installation)
  const boxKey = readBoxPrivateKey(installation)
  const home = join(directory, 'home')
  let agent: KeyAgent | undefined
  try {
    if (host) agent = await serveKey(directory, await openHostKey(services.em, boxKey, host))
    const bought = host?.cloudIdentity
      ? cloudEnvironment(installation, directory, await openOwnKey(services.em, boxKey, host))
      : {}
    const child = spawn(join(engine.bin, 'pulumi'), args, {
      ...{ cwd: installation.clone, stdio: 'inherit' },
      env: {
        ...process.env,
        ...engineEnvironment(
          engine,
          stateOf(installation),
          home,
          join(installation.stateDir, 'engine', 'plugins'),
        ),
        DBHOST_API_URL: facts.apiUrl,
        DBHOST_API_KEY: facts.apiKey,
        ...(host ? { PULUMI_STACK: host.name } : {}),
        ...(agent ? { SSH_AUTH_SOCK: agent.socket } : {}),
        ...bought,
      },
    })
    // Ctrl-C reaches the engine by the terminal as well; it winds up, and this waits for it.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
    process.exitCode = await new Promise<number>((resolve, reject) =>
      child.once('error', reject).once('exit', (code) => resolve(code ?? 1)),
    )
  } finally {
    agent?.close()
    giveFolder(stateSettingOf(installation).place, worker)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What the stack of a bought machine needs; a token that is set already stays. */
function cloudEnvironment(installation: Installation, directory: string, hostKey: Secret): NodeJS.ProcessEnv {
  const file = join(directory, 'host-key')
  writeFileSync(file, hostKey.reveal(), { mode: 0o600 })
  const access = process.env.HCLOUD_TOKEN ? undefined : readCloudAccess(cloudFile(installation))
  return {
    DBHOST_HOST_KEY_FILE: file,
    ...(access ? { HCLOUD_TOKEN: access.token.reveal() } : {}),
    ...(access?.endpoint ? { HCLOUD_ENDPOINT: access.endpoint } : {}),
  }
}

/** The host whose stack is meant: named among the arguments or in the environment, or the only one. */
async function selectedHost({ em }: HostServices): Promise<Host | undefined> {
  const at = args.findIndex((arg) => arg === '--stack' || arg === '-s')
  const named =
    (at >= 0 ? args[at + 1] : undefined) ?? args.find((arg) => arg.startsWith('--stack='))?.slice(8)
  const name = (named ?? process.env.PULUMI_STACK)?.split('/').at(-1)
  const hosts = await em.fork().find(Host, { removedAt: null })
  if (name === undefined) return hosts.length === 1 ? hosts[0] : undefined
  return hosts.find((host) => host.name === name)
}

/** `npm run -s stack -- …`: pulumi with these arguments on the stacks of this service's hosts. */
await runCommand(() =>
  withRunning(async (services, installation) => {
    // Before anything waits for runs that wait for the end of a move.
    stateOf(installation)
    const worker = findWorkerId(installation)
    if (worker === undefined) throw new Refusal('The worker has no OS user: npm start makes it.')
    const engine = await ensureEngine(installation, worker, () => buildEngine(tell))
    if (!engine) throw new Refusal('No Pulumi engine can be had here: npm run doctor says what is missing.')
    await adoptAll(services, tell)
    await untilRecorded(services)
    await runPulumi(services, installation, engine, worker)
  }),
)
process.exit()
