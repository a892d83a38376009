import type { Secret } from '../../common/secret.ts'
import { LAYOUT } from '../layout.ts'
import { sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { sessionAlias } from './wanted.ts'

export interface LoginCheck {
  name: string
  password: Secret
}

/**
 * Logs in as each tenant on entry and alias, through PgBouncer's Unix socket on the host.
 * @param told called for each database as soon as both answers are there: what a refused login was told, or
 *   undefined where both went well
 */
export async function checkLogins(
  connection: HostConnection,
  checks: readonly LoginCheck[],
  told: (name: string, refusal: string | undefined) => void,
): Promise<void> {
  if (checks.length === 0) return
  const answers = new Map<string, string[]>()
  const attempts = checks.flatMap((check) =>
    [check.name, sessionAlias(check.name)].map((entry) => ({ ...check, entry })),
  )
  const answer = (name: string, text: string): void => {
    const both = [...(answers.get(name) ?? []), text]
    answers.set(name, both)
    if (both.length === 2)
      told(
        name,
        both.find((one) => one !== 'ok'),
      )
  }
  await connection.run(sh`${LAYOUT.library}/tenant-login`, {
    input: attempts
      .map(({ entry, name, password }, id) => `${id} ${entry} ${name} ${password.reveal()}\n`)
      .join(''),
    deadlineMs: 30_000,
    onLine: (line) => {
      const match = /^(\d+) (.*)$/.exec(line)
      const attempt = match ? attempts[Number(match[1])] : undefined
      if (match && attempt) answer(attempt.name, match[2] === 'ok' ? 'ok' : `${attempt.entry}: ${match[2]}`)
    },
  })
  for (const { name } of checks) {
    if ((answers.get(name)?.length ?? 0) < 2) told(name, 'the host did not report an outcome')
  }
}

/** A login refused for a limit shows that the door works and that the owner uses all of it. */
export const isLimitReached = (answer: string): boolean =>
  /client connections exceeded|too many connections|no server connection free/.test(answer)
