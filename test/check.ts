import { spawnSync } from 'node:child_process'

/** What must hold before any test runs: types, format and lint, dead code. */
const CHECKS = [
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'format and lint', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'dead code', command: 'knip', args: ['--no-progress'] },
]

/** Runs the checks, their output on ours. @returns names of those that failed */
export function runChecks(): string[] {
  return CHECKS.filter(({ name, command, args }) => {
    const began = Date.now()
    const { status } = spawnSync(command, args, { stdio: 'inherit' })
    const seconds = ((Date.now() - began) / 1000).toFixed(1)
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`)
    return status !== 0
  }).map(({ name }) => name)
}

if (import.meta.main) process.exit(runChecks().length === 0 ? 0 : 1)
