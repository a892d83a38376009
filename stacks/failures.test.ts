import test from 'ava'
import { explainFailure } from './failures.ts'

const FRAME = `
    vps:index:Firewall local-1-firewall updating (0s)
    vps:index:Firewall local-1-firewall **updating failed** error: update failed
Diagnostics:
  vps:index:Firewall (local-1-firewall):
    error: `

test('another run that holds the stack is named', (t) => {
  const { kind, message } = explainFailure(
    'error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n' +
      '  postgres://x/.pulumi/locks/1.json: created by root@box (pid 4711) at 2026-11-28T12:00:00Z',
  )
  t.is(kind, 'locked')
  t.regex(message, /root@box \(pid 4711\)/)
})

test('what a host said is told without the frame of the engine', (t) => {
  const said = '198.18.0.2 port 22 did not let us in within 15000 ms; it may be down or busy.'
  const { kind, message } = explainFailure(`${FRAME}${said}\n`)
  t.deepEqual({ kind, message }, { kind: 'host', message: said })
})

test('a document that is older than what the host has seen is no failure of the host', (t) => {
  const { kind } = explainFailure(
    `${FRAME}"allow-apply" failed with code 3: revision 7 of this host's document is older than 9, which is in force`,
  )
  t.is(kind, 'outdated')
})

test('too little memory is told as such', (t) => {
  t.is(explainFailure('FATAL ERROR: Reached heap limit JavaScript heap out of memory').kind, 'memory')
})

test('an engine that died is told by its last words, also where there are none', (t) => {
  t.regex(explainFailure('panic: oh\n\ngoroutine 1').message, /^The Pulumi engine failed: .*goroutine 1$/)
  t.regex(explainFailure('').message, /it said nothing/)
})
