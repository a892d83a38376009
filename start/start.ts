import { InvalidArgumentError, program } from 'commander'
import { messageOf } from '../common/errors.ts'
import { checkForwarding } from '../hosts/local/forwarding.ts'
import { adoptInBackground } from './adoption.ts'
import { ApiClient } from './api-client.ts'
import { bringUp } from './bring-up.ts'
import { openControlPlane } from './control-plane.ts'
import { databaseIsGone, FIRST_DATABASE, makeFirstDatabase } from './first-database.ts'
import { findInstallation, type Installation, openInstallation, ownClone } from './installation.ts'
import { ensureOperatorKey } from './operator-key.ts'
import { proveLogin } from './prove-login.ts'
import { Refusal, runCommand, say } from './say.ts'
import { Interrupted, Shutdown } from './shutdown.ts'
import { describeDatabase, readStartFacts, type StartFacts, writeStartFacts } from './start-facts.ts'
import { refuseWhileHeld } from './start-lock.ts'

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port > 0 && port < 65_536) return port
  throw new InvalidArgumentError('a port is a number from 1 to 65535.')
}

async function start(shutdown: Shutdown, port: number | undefined): Promise<void> {
  const { copiedFrom } = findInstallation(ownClone())
  if (copiedFrom) say(`This folder is a copy of ${copiedFrom}; it becomes an installation of its own`)
  const installation = openInstallation(ownClone())
  refuseWhileHeld(installation, 'npm start')
  const forwarding = await checkForwarding()
  if (forwarding) throw new Refusal(forwarding)

  const plane = await openControlPlane(installation, shutdown, port)
  await bringUp(plane, shutdown)
  const { key } = await shutdown.or(ensureOperatorKey(plane))
  const before = readStartFacts(installation)
  const api = new ApiClient(plane.origin, key)
  const database = await shutdown.or(firstDatabase(installation, api, before))
  writeStartFacts(installation, { apiUrl: plane.origin, apiKey: key.reveal(), database })
  console.log(
    summary(installation, { apiUrl: plane.origin, apiKey: key.reveal(), database }, before !== undefined),
  )
  void adoptInBackground(plane)
  await shutdown.or(new Promise<never>(() => {}))
}

/** What the owner did with the first database is respected: it is neither made again nor given another password. */
async function firstDatabase(
  installation: Installation,
  api: ApiClient,
  before: StartFacts | undefined,
): Promise<StartFacts['database']> {
  if (before?.database === null) return null
  if (before && (await databaseIsGone(api, before.database.id))) {
    say(
      `The database ${FIRST_DATABASE} was deleted and is not made again: POST /api/v1/databases makes others`,
    )
    return null
  }
  if (!before) say(`Creating the database ${FIRST_DATABASE}`)
  const database = before?.database ?? describeDatabase(installation, await makeFirstDatabase(api))
  if (!database) return null
  await sayHowLoginWent(database.connectionString, before !== undefined)
  return database
}

/** A service that runs already stays up for its other databases where this one does not answer. */
async function sayHowLoginWent(connectionString: string, again: boolean): Promise<void> {
  const proof = await proveLogin(connectionString).catch((error: unknown) => {
    if (!again) throw error
    return messageOf(error)
  })
  if (proof === 'logged in') say(`Logged in to ${FIRST_DATABASE} over verified TLS`)
  else if (proof === 'password refused')
    say(
      `The password of ${FIRST_DATABASE} was changed: the psql line below still has the one of the first start`,
    )
  else say(`${FIRST_DATABASE} does not answer: ${proof}; GET /api/v1/operations and the logs may say why`)
}

function summary(installation: Installation, facts: StartFacts, again: boolean): string {
  const key = again
    ? `in ${installation.privateDir}/start.json (apiKey)`
    : `${facts.apiKey} (shown this once)`
  const database = facts.database
    ? `psql "${facts.database.connectionString}"`
    : 'none made by npm start is left'
  return `
DBHost runs.

  API       ${facts.apiUrl}/api/v1
  API key   ${key}
  Database  ${database}
  Stop      Ctrl-C; everything is kept, npm start resumes
  Remove    npm run reset
`
}

program
  .name('npm start --')
  .description('Runs DBHost on this computer until Ctrl-C.')
  .option('--port <number>', 'port of the API on 127.0.0.1', readPort)
  .helpOption('--help')
  .parse()
const asked = program.opts<{ port?: number }>().port ?? environmentPort()

function environmentPort(): number | undefined {
  const text = process.env.DBHOST_PORT
  return text ? readPort(text) : undefined
}

const shutdown = new Shutdown()
await runCommand(async () => {
  try {
    await start(shutdown, asked)
  } catch (error) {
    const clean = await shutdown.stopAll()
    if (!(error instanceof Interrupted)) throw error
    say(clean ? 'Stopped; everything is kept' : 'Stopped')
  }
})
process.exit()
