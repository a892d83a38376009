import test from 'ava'
import { holdsMachines, isOfAnother, type StackState, withoutEdge } from './stack-state.ts'

const resource = (type: string, labels?: Record<string, string>) => ({
  ...{ urn: `urn:pulumi:db-1::dbhost::${type}::x`, type },
  inputs: labels ? { labels } : {},
})
const SERVER = 'hcloud:index/server:Server'

const stateOf = (resources: StackState['resources'], creating: StackState['creating'] = []): StackState => ({
  ...{ exported: { version: 3, deployment: {} }, resources, creating },
})

test('what was bought for an earlier host of the same name is recognised as another one’s', (t) => {
  const own = stateOf([resource(SERVER, { 'dbhost-host': 'host_1' }), resource('vps:index:Firewall')])
  t.false(isOfAnother(own, { id: 'host_1' }))
  t.true(isOfAnother(own, { id: 'host_2' }))
  t.false(isOfAnother(stateOf([resource('vps:index:Firewall')]), { id: 'host_2' }))
})

test('also what a run that died may have bought counts as bought', (t) => {
  t.true(holdsMachines(stateOf([], [resource(SERVER)])))
  t.true(holdsMachines(stateOf([resource('random:index/randomId:RandomId')])))
  t.false(holdsMachines(stateOf([resource('pulumi:pulumi:Stack'), resource('vps:index:Firewall')])))
})

test('the edge goes with its machine', (t) => {
  const types = withoutEdge([resource(SERVER), resource('vps:index:Firewall')]).map(({ type }) => type)
  t.deepEqual(types, [SERVER])
})
