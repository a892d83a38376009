import { messageOf } from '../../common/errors.ts'
import { templateText } from '../render.ts'
import { type Command, locked, script, sh } from '../shell.ts'
import type { HostConnection, RunOptions } from '../ssh.ts'
import { confirmFromOutside } from './confirm.ts'
import { installPackages } from './packages.ts'
import { type HostAction, sha256 } from './plan.ts'
import type { ManagedFile, ManagedStep } from './resources.ts'

export interface ApplyEvent {
  action: HostAction
  state: 'running' | 'done' | 'failed'
  /** What it is at, or why it failed. */
  detail?: string
}

export type ApplyReport = (event: ApplyEvent) => void | Promise<void>

/** Waiting for the lock, running under it, and some air. */
const LOCKED_DEADLINE_MS = 25_000

/** Carries a plan out, one action after the other. @throws HostError of the first that fails */
export async function applyHost(
  connection: HostConnection,
  actions: readonly HostAction[],
  report: ApplyReport,
): Promise<void> {
  for (const action of actions) {
    await report({ action, state: 'running' })
    try {
      await carryOut(connection, action, (detail) => report({ action, state: 'running', detail }))
    } catch (error) {
      await report({ action, state: 'failed', detail: messageOf(error) })
      throw error
    }
    await report({ action, state: 'done' })
  }
}

async function carryOut(
  connection: HostConnection,
  action: HostAction,
  tell: (detail: string) => void | Promise<void>,
): Promise<void> {
  const run = async (command: Command, options: RunOptions = {}): Promise<void> => {
    await connection.run(
      { ...locked(command), title: action.title },
      { deadlineMs: LOCKED_DEADLINE_MS, ...options },
    )
  }
  switch (action.kind) {
    case 'packages':
      return await installPackages(connection, action, tell)
    case 'user':
      return await run(
        script(action.title, templateText('host/user.sh'), action.user.name, action.user.comment),
      )
    case 'directory': {
      const { path, mode, owner, group } = action.directory
      return await run(sh`install -d -m ${mode.toString(8)} -o ${owner} -g ${group} ${path}`)
    }
    case 'attributes': {
      const { path, mode, owner, group } = action.file
      return await run(
        sh`chown --no-dereference ${`${owner}:${group}`} ${path} && chmod ${mode.toString(8)} ${path}`,
      )
    }
    case 'file':
      return await run(writeFile(action.title, action.file), { input: action.file.content })
    case 'link': {
      const { path, target } = action.link
      return await run(sh`ln -sfn ${target} ${`${path}.dbhost-new`} && mv -T ${`${path}.dbhost-new`} ${path}`)
    }
    case 'step':
      return await runStep(connection, action.title, action.step)
    case 'unit':
      return await run(
        script(
          action.title,
          templateText('host/unit.sh'),
          action.verb,
          action.unit.name,
          ...(action.unit.reload ?? []),
        ),
      )
  }
}

function writeFile(
  title: string,
  { path, mode, owner, group, content, effects, check }: ManagedFile,
): Command {
  const words = [path, mode.toString(8), owner, group, sha256(content), effects.join(','), ...(check ?? [])]
  return script(title, templateText('host/write-file.sh'), ...words)
}

async function runStep(connection: HostConnection, title: string, step: ManagedStep): Promise<void> {
  const marker = `/run/dbhost/pending/run:${step.name}`
  const command = step.confirm ? sh`${step.command}` : sh`${step.command} && rm -f ${marker}`
  const seconds = step.ownLockSeconds
  await connection.run(
    { ...(seconds === undefined ? locked(command) : command), title },
    { deadlineMs: seconds === undefined ? LOCKED_DEADLINE_MS : (seconds + 15) * 1000 },
  )
  if (step.confirm) await confirmFromOutside(connection, sh`${step.confirm} && rm -f ${marker}`)
}
