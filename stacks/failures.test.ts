import test from 'ava'
import { explainFailure, passes } from './failures.ts'

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

/** As the engine ends; its SDK says all of it twice. */
const ended = (...sections: string[]): string => {
  const said = `\nDiagnostics:\n${sections.join('\n')}\nResources:\n    7 unchanged\n    2 errored\n\nDuration: 1s\n`
  return `stderr: Command failed with exit code 1: pulumi up\n${said}\n err?: Error: Command failed\n${said}`
}

/** Of a resource that goes through the older of the provider's two libraries. */
const older = (type: string, name: string, words: string): string => `  hcloud:index:${type} (${name}):
    error:   sdk-v2/provider2.go:571: sdk.helper_schema: ${words}: provider=hcloud@1.41.0
    error: 1 error occurred:
    \t* ${words}
`

/** Of one that goes through the newer. */
const newer = (name: string, words: string): string => `  hcloud:index:PrimaryIp (${name}):
    error: [ERROR] An unexpected error was encountered during an API request.
    
    ${words}
    
    Error code: some_code
    Status code: 400
    : API request failed
    error: API request failed: An unexpected error was encountered during an API request.
    
    ${words}
    
    Error code: some_code
    Status code: 400
`

test('several resources that failed for one reason are named together', (t) => {
  const { kind, message } = explainFailure(
    ended(
      newer('db-1-ipv4', 'the token is not known (unauthorized, 5317873b5ba87428)'),
      '  pulumi:pulumi:Stack (dbhost-db-1):\n    error: update failed\n',
      older('Volume', 'db-1-data', 'the token is not known (unauthorized, 63d11dcdee2dbb08)'),
    ),
  )
  t.is(kind, 'token')
  t.regex(message, /npm start\. \(db-1-ipv4, db-1-data: the token is not known \(unauthorized\)\)$/)
})

test('what no later try mends decides over what may pass', (t) => {
  const { kind, message } = explainFailure(
    ended(
      older('Firewall', 'db-1-firewall', 'firewall is locked (locked, 1d)'),
      older('Server', 'db-1-server', 'error during placement (resource_unavailable, 2e)'),
    ),
  )
  t.is(kind, 'capacity')
  t.regex(message, /No machine was bought\. \(db-1-server: error during placement/)
})

test('a volume that does not grow says nothing of a purchase', (t) => {
  const { kind, message } = explainFailure(
    ended(`  hcloud:index:Volume (db-1-data):
    error: 1 error occurred:
    \t* updating urn:pulumi:db-1::dbhost::hcloud:index/volume:Volume::db-1-data: 1 error occurred:
    \t* no space left (no_space_left_in_location, 3f)
`),
  )
  t.is(kind, 'capacity')
  t.notRegex(message, /bought|switched/)
  t.regex(message, /\(db-1-data: no space left \(no_space_left_in_location\)\)$/)
})

test('a code in what a host said is none of the cloud', (t) => {
  const said = 'the lock is held (locked)'
  const { kind, message } = explainFailure(
    ended(`  vps:index:Firewall (db-1-firewall):\n    error: ${said}\n`),
  )
  t.deepEqual({ kind, message }, { kind: 'host', message: said })
})

test('what the cloud only warns of is not what failed', (t) => {
  const said = 'db-1 did not let us in'
  const { kind, message } = explainFailure(
    ended(
      '  hcloud:index:Server (db-1-server):\n    warning: Server Type "cx22" is deprecated\n',
      `  vps:index:Firewall (db-1-firewall):\n    error: ${said}: fetch failed\n`,
    ),
  )
  t.deepEqual({ kind, message }, { kind: 'host', message: `${said}: fetch failed` })
})

test('only what passes by itself is worth another try', (t) => {
  const may = ['locked', 'host', 'outdated', 'deadline', 'busy', 'rate-limit', 'unreachable'] as const
  const never = ['token', 'protected', 'name-taken', 'account-limit', 'capacity', 'refused'] as const
  t.true(may.every(passes))
  t.false(never.some(passes))
})
