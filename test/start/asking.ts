import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listMachines } from '../../hosts/local/machine.ts'
import { findProcesses } from '../../hosts/local/machine-process.ts'
import { describeInstallation } from '../../start/installation.ts'
import { presentUserIds } from '../../start/os-users.ts'
import { type FoundProcess, processesOf } from '../../start/processes.ts'
import type { Clone } from './clone.ts'

/** What a shell makes of the printed psql line with a query behind it. */
export function pasted(output: string, query: string): string {
  const line = /^ *Database +(psql ".*")$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`no psql line was printed:\n${output}`)
  return execFileSync('sh', ['-c', `${line} -At -c "$0"`, query], { encoding: 'utf8', cwd: '/' }).trim()
}

/** The answer of the first database, as soon as it has one. @param seconds until that counts as never */
export async function answerOf(clone: Clone, query: string, seconds = 60): Promise<string> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const target = clone.facts.database?.connectionString ?? ''
    const { status, stdout, stderr } = spawnSync('psql', [target, '-At', '-c', query], { encoding: 'utf8' })
    if (status === 0) return stdout.trim()
    if (Date.now() > deadline) throw new Error(`the database does not answer: ${stderr}`)
    await sleep(200)
  }
}

/** Creates a database by the API and logs in to it: server, worker and machine all have to work for that. */
export async function createsDatabase(clone: Clone, name: string, seconds = 60): Promise<boolean> {
  const { apiUrl, apiKey, database } = clone.facts
  const deadline = Date.now() + seconds * 1000
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=30' }
  const request = { method: 'POST', body: JSON.stringify({ name }) }
  for (;;) {
    const answer = await fetch(`${apiUrl}/api/v1/databases`, {
      ...request,
      headers: { ...headers, 'idempotency-key': `test-${name}` },
    }).catch(() => undefined)
    if (answer?.status === 201) {
      const { connectionString } = (await answer.json()) as { connectionString: string }
      const target = `${connectionString}&sslrootcert=${database?.caFile}`
      return spawnSync('psql', [target, '-At', '-c', 'select 1'], { encoding: 'utf8' }).stdout.trim() === '1'
    }
    if (Date.now() > deadline) throw new Error(`no database could be made: ${await answer?.text()}`)
    await sleep(250)
  }
}

/** What runs as one of the installation's OS users. */
export const programsOf = (clone: Clone): FoundProcess[] =>
  processesOf(presentUserIds(describeInstallation(clone.id, clone.path)))

/** The program whose command line has this in it. */
export function processOf(clone: Clone, part: string): number {
  const found = programsOf(clone).find(({ argv }) => argv.some((argument) => argument.includes(part)))
  if (!found) throw new Error(`no process of ${clone.id} runs ${part}`)
  return found.pid
}

/** Process ids that keep the installation's first machine: nspawn and the machine's process 1. */
export async function machineProcesses(clone: Clone): Promise<number[]> {
  const [machine] = await listMachines(clone.stateDir)
  const { supervisor, init } = findProcesses(machine?.root ?? '/nowhere')
  return [supervisor, init].filter((pid) => pid !== undefined)
}

/** Runs a command as this OS user, in none of its groups but the first. */
export function asUser(
  user: string,
  ...command: string[]
): { code: number | null; stdout: string; stderr: string } {
  const group = execFileSync('id', ['-g', user], { encoding: 'utf8' }).trim()
  const become = [`--reuid=${user}`, `--regid=${group}`, '--clear-groups']
  const done = spawnSync('setpriv', [...become, ...command], { cwd: '/', encoding: 'utf8' })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}

export const postmasterPidFile = (clone: Clone): string =>
  join(clone.stateDir, 'postgres', 'data', 'postmaster.pid')

export const postmasterPid = (clone: Clone): number =>
  Number(readFileSync(postmasterPidFile(clone), 'utf8').split('\n')[0])
