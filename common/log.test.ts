import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'

/** What a program writes to its log. */
function logged(statement: string): string {
  const library = JSON.stringify(join(import.meta.dirname, 'log.ts'))
  const script = `import { createLogger } from ${library}\nconst log = createLogger('test')\n${statement}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout
}

test('W5 an error is logged without passwords and values of rows', (t) => {
  const text =
    'postgresql://shop:hunter2@198.18.0.2/shop failed: Failing row contains (db_1, v1.sealed, null). Key (name)=(hunter3) already exists.'
  const line = logged(`log.error({ err: new Error(${JSON.stringify(text)}) }, 'failed')`)
  for (const secret of ['hunter2', 'hunter3', 'v1.sealed']) t.false(line.includes(secret), line)
  t.regex(line, /Failing row contains \[values\]/)
  t.regex(line, /"program":"test"/)
})
