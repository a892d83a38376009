import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import test from 'ava'
import { isHeldByTheDead, lockHolders } from './dead-lock.ts'

const locked = (...holders: string[]): string =>
  [
    `error: the stack is currently locked by ${holders.length} lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.`,
    ...holders.map(
      (holder) => `  postgres://x/.pulumi/locks/organization/dbhost/local-1/1.json: created by ${holder}`,
    ),
  ].join('\n')

const now = new Date().toISOString()
const gone = (): number => spawnSync('true').pid ?? 0

test('the holders are read from what the engine says', (t) => {
  t.deepEqual(lockHolders(locked('work@box (pid 17) at 2026-11-28T10:00:00Z')), [
    { user: 'work', computer: 'box', pid: 17, since: Date.parse('2026-11-28T10:00:00Z') },
  ])
  t.deepEqual(lockHolders('error: something else'), [])
})

test('only locks whose every holder is a dead process of this computer are free to take', (t) => {
  const here = hostname()
  t.true(isHeldByTheDead(locked(`work@${here} (pid ${gone()}) at ${now}`)))
  t.false(isHeldByTheDead(locked(`work@${here} (pid ${process.pid}) at ${now}`)))
  t.false(isHeldByTheDead(locked(`work@elsewhere (pid ${gone()}) at ${now}`)))
  t.false(isHeldByTheDead(locked(`a@${here} (pid ${gone()}) at ${now}`, `b@elsewhere (pid 1) at ${now}`)))
  t.false(isHeldByTheDead('error: the host does not answer'))
})

test('a process number from before the last boot says nothing about who has it now', (t) => {
  t.true(isHeldByTheDead(locked(`work@${hostname()} (pid ${process.pid}) at 2001-01-01T00:00:00Z`)))
})
