import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a program says when its own database dies under it; that is an outage, not an error that nobody thought of. */
const OUTAGE =
  /terminat|ECONNREFUSED|ECONNRESET|ENOENT|the database system is|Connection (ended|closed)|socket hang up|57P0|timeout exceeded when trying to connect|Client was closed|(read|write) EPIPE|does not answer/i
const UNEXPECTED = /unexpected error|sweep failed|purge failed|request failed|did not stop cleanly/

interface Line {
  level: number
  msg?: string
  reason?: string
  err?: { message?: string }
}

function judge(text: string): string | undefined {
  let line: Line
  try {
    line = JSON.parse(text) as Line
  } catch {
    // A program that ends in order says so in JSON; anything else is a crash.
    return text
  }
  const why = `${line.err?.message ?? ''} ${line.reason ?? ''}`
  return UNEXPECTED.test(line.msg ?? '') && !OUTAGE.test(why) ? `${line.msg}: ${why}` : undefined
}

/** Errors in the logs of server and worker that nobody handled, each once. */
export function unhandledErrors(logDir: string): string[] {
  const found = ['server', 'worker'].flatMap((program) =>
    [join(logDir, `${program}.log.1`), join(logDir, `${program}.log`)]
      .filter((file) => existsSync(file))
      .flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean))
      .flatMap((text) => {
        const bad = judge(text)
        return bad === undefined ? [] : [`${program}: ${bad.slice(0, 300)}`]
      }),
  )
  return [...new Set(found)]
}

/** Programs that ended by themselves, as `npm start` reported them. */
export const selfEnded = (output: string): string[] =>
  output.split('\n').filter((line) => / ended \(code /.test(line))
