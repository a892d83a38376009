import test from 'ava'
import type { CloudSpec } from '../../hosts/host-spec.ts'
import type { HostStack } from '../model/host.ts'
import { isOpenInCloud } from './cloud-door.ts'

const cloud = {} as CloudSpec
const stack = (allow?: string[]): HostStack => ({
  ...{ adoptedAt: '', digest: '', byHand: null, lastRun: { command: 'update', by: '', at: '', changes: 0 } },
  ...(allow ? { allow } : {}),
})

test('only bought hosts have a firewall in front of them', (t) => {
  t.true(isOpenInCloud({ cloud: null, stack: null }, ['203.0.113.7/32']))
})

test('it is open for what the last update let in, each rule of it', (t) => {
  const host = { cloud, stack: stack(['203.0.113.7/32', '2001:db8::/48']) }
  t.true(isOpenInCloud(host, ['203.0.113.7/32']))
  t.true(isOpenInCloud(host, []))
  t.false(isOpenInCloud(host, ['203.0.113.7/32', '203.0.113.8/32']))
})

test('before its stack took it over, and after updates that did not say, nothing is open', (t) => {
  t.false(isOpenInCloud({ cloud, stack: null }, ['203.0.113.7/32']))
  t.false(isOpenInCloud({ cloud, stack: stack() }, ['203.0.113.7/32']))
})
