import test, { type ExecutionContext } from 'ava'
import { Secret } from '../../common/secret.ts'
import type { CloudAccess } from '../../hosts/hcloud/client.ts'
import { StackError } from '../../stacks/gateway.ts'
import type { StackCommand } from '../../stacks/protocol.ts'
import type { Fault } from '../hetzner/faults.ts'
import { CloudStack, type Wanted } from './cloud-stack.ts'

let stack: CloudStack
let cloud: CloudAccess

test.before(async () => {
  stack = await CloudStack.open()
  if (!stack.settings.cloud) throw new Error('the stack has no cloud')
  cloud = stack.settings.cloud
})
test.afterEach.always(() => {
  stack.emulator.resetFaults()
  stack.settings.cloud = cloud
})
test.after.always(async () => {
  await stack?.close()
})

interface Expected {
  kind: StackError['kind']
  passes: boolean
  message: RegExp
}

async function fails(
  t: ExecutionContext,
  { kind, passes, message }: Expected,
  command: StackCommand = 'update',
  wanted: Wanted = {},
): Promise<void> {
  const error = await t.throwsAsync(stack.run(command, wanted), { instanceOf: StackError, message })
  t.is(error?.kind, kind)
  t.is(error?.passes, passes)
  t.false(error?.message.includes(cloud.token.reveal()))
  // What engine, bridge and provider put around it.
  t.notRegex(error?.message ?? '', /urn:|sdk-v2|provider=|error occurred|API request/)
}

const always = (method: string, path: RegExp, fault: Fault): void =>
  stack.emulator.fail({ method, path, times: Infinity, with: fault })

const TOKEN = { kind: 'token', passes: false } as const

const TOKENS: [string, Secret | undefined, RegExp][] = [
  ['is missing', undefined, /HCLOUD_TOKEN=… npm start\. \(.*Missing Hetzner Cloud API token/],
  ['is too short', new Secret('short'), /HCLOUD_TOKEN=… npm start\. \(.*must be exactly 64 characters/],
  [
    'is unknown',
    new Secret('x'.repeat(64)),
    /HCLOUD_TOKEN=… npm start\. \(.*cloud-1-\w+, .*: the token is not known \(unauthorized\)\)$/,
  ],
]
for (const [what, token, message] of TOKENS)
  test.serial(`a token that ${what}`, async (t) => {
    stack.settings.cloud = token && { ...cloud, token }
    await fails(t, { ...TOKEN, message })
    t.deepEqual(stack.emulator.holdings(), {})
  })

test.serial('a token that may only read', async (t) => {
  always('POST', /./, { error: 'token_readonly', message: 'token is only allowed to perform GET requests' })
  await fails(t, { ...TOKEN, message: /read and write rights .*GET requests \(token_readonly\)\)$/ })
})

const REFUSED = { kind: 'refused', passes: false } as const

test.serial('a place that is not there', async (t) => {
  const message = /refused it\. \(.*cloud-1-ipv\d.*: .*location.*'moon' not found \(invalid_input\)\)$/
  await fails(t, { ...REFUSED, message }, 'update', { location: 'moon' })
})

test.serial('nobody answers', async (t) => {
  stack.settings.cloud = { ...cloud, endpoint: 'http://127.0.0.1:1/v1' }
  await fails(t, {
    ...{ kind: 'unreachable', passes: true },
    message: /did not answer, .*tried again\. \(.*connection refused\)$/,
  })
})

test.serial('too many requests, also after the retries of the provider', async (t) => {
  const message = 'limit of 3600 requests per hour reached'
  always('POST', /^\/primary_ips$/, { error: 'rate_limit_exceeded', message })
  await fails(t, {
    ...{ kind: 'rate-limit', passes: true },
    message:
      /\(cloud-1-ipv\d, cloud-1-ipv\d: limit of 3600 requests per hour reached \(rate_limit_exceeded\)\)$/,
  })
})

test.serial('an image that is not there', async (t) => {
  const message = /refused it\. \(cloud-1-server: image debian-99 for architecture x86 not found\)$/
  await fails(t, { ...REFUSED, message }, 'update', { image: 'debian-99' })
})

const SERVERS: [Fault, Expected][] = [
  [
    { soldOut: { serverType: 'cx23', location: 'fsn1' } },
    {
      ...{ kind: 'capacity', passes: false },
      message:
        /choose another location, another server type .* No machine was bought\. \(cloud-1-server: error during placement \(resource_unavailable\)\)$/,
    },
  ],
  [
    { error: 'placement_error', message: 'error during placement' },
    {
      ...{ kind: 'capacity', passes: false },
      message: /another placement group\. .*\(cloud-1-server: .* \(placement_error\)\)$/,
    },
  ],
  [
    { limit: 'server_limit' },
    {
      ...{ kind: 'account-limit', passes: false },
      message:
        /ask Hetzner for a higher limit .* No machine was bought\. \(cloud-1-server: server_limit is exceeded \(resource_limit_exceeded\)\)$/,
    },
  ],
  [
    { error: 'uniqueness_error', message: 'server name is already used' },
    {
      ...{ kind: 'name-taken', passes: false },
      message: /rename or delete .*\(cloud-1-server: server name is already used \(uniqueness_error\)\)$/,
    },
  ],
  [
    { error: 'locked', message: 'server is locked' },
    { kind: 'busy', passes: true, message: /tried again\. \(cloud-1-server: server is locked \(locked\)\)$/ },
  ],
  [
    { error: 'resource_in_use', message: 'the address is in use' },
    { kind: 'busy', passes: true, message: /still uses it: .*\(cloud-1-server: the address is in use/ },
  ],
  [
    { error: 'conflict', message: 'resource has changed' },
    { kind: 'busy', passes: true, message: /\(cloud-1-server: resource has changed \(conflict\)\)$/ },
  ],
  [
    { error: 'server_error', message: 'an internal error' },
    { kind: 'unreachable', passes: true, message: /fault of its own.*\(cloud-1-server: an internal error/ },
  ],
  [
    { actionError: 'action_failed', message: 'no disk' },
    { kind: 'unreachable', passes: true, message: /fault of its own.*\(cloud-1-server: no disk/ },
  ],
]
for (const [fault, expected] of SERVERS)
  test.serial(`a server is not made: ${JSON.stringify(fault)}`, async (t) => {
    always('POST', /^\/servers$/, fault)
    await fails(t, expected)
  })

test.serial('a type that is not to be had leaves the machine off, and says so', async (t) => {
  await stack.run('update')
  const message = 'server type is not available'
  always('POST', /change_type$/, { error: 'resource_unavailable', message })
  const expected: Expected = {
    ...{ kind: 'capacity', passes: false },
    message: /The machine may have been switched off .*\(cloud-1-server: server type is not available/,
  }
  await fails(t, expected, 'update', { serverType: 'cx33' })
  const { servers } = await stack.ask<{ servers: { status: string }[] }>('/servers')
  t.is(servers[0]?.status, 'off')
})

test.serial('what holds a database is protected by the engine', async (t) => {
  await stack.run('update', { databases: 1 })
  const kept = { kind: 'protected', passes: false } as const
  const deleted = /^It is protected, .*\(cloud-1-\w+: it cannot be deleted because it is protected\.\)$/
  await fails(t, { ...kept, message: deleted }, 'destroy', { databases: 1 })
  const replaced = /\(cloud-1-ipv\d: unable to replace it as it is currently marked for protection\.\)$/
  await fails(t, { ...kept, message: replaced }, 'update', { databases: 1, location: 'nbg1' })
  t.is(stack.emulator.holdings().servers?.length, 1)
})

test.serial('what somebody protected in the console is protected', async (t) => {
  always('DELETE', /^\/servers/, { error: 'protected', message: 'server is protected' })
  const message = /released in the console .*\(cloud-1-server: server is protected \(protected\)\)$/
  await fails(t, { kind: 'protected', passes: false, message }, 'destroy')
})
