import test from 'ava'
import { defaultHostSpec } from '../hosts/host-spec.ts'
import { type DocumentSource, documentDigest, hostDocument, parseDocument } from './document.ts'

const source: DocumentSource = {
  ...{ id: 'host_1', name: 'local-1', revision: 7, databases: 1, edgeDigest: 'abc' },
  spec: defaultHostSpec({ name: 'local-1', kind: 'local', addresses: ['198.18.0.2'], controlPlane: [] }),
  access: { address: '198.18.0.2', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
  allow: ['203.0.113.7/32', '198.51.100.0/24', '203.0.113.7/32'],
}

test('a document holds each network once, in order, and only what the edge is made from', (t) => {
  const document = hostDocument(source)
  t.deepEqual(document.allow, ['198.51.100.0/24', '203.0.113.7/32'])
  t.true(document.holdsDatabases)
  t.deepEqual(new Set(Object.keys(document.spec)), new Set(['roles', 'addresses', 'controlPlane', 'ports']))
  t.deepEqual(parseDocument(JSON.stringify(document)), document)
})

test('the digest changes with what a stack makes something of, and not with the revision alone', (t) => {
  const digest = documentDigest(hostDocument(source))
  t.is(documentDigest(hostDocument({ ...source, revision: 8 })), digest)
  t.is(documentDigest(hostDocument({ ...source, databases: 2 })), digest)
  for (const change of [{ allow: [] }, { databases: 0 }, { edgeDigest: 'def' }, { name: 'other' }]) {
    t.not(documentDigest(hostDocument({ ...source, ...change })), digest, JSON.stringify(change))
  }
})

test('a document of another form is refused', (t) => {
  const text = JSON.stringify({ ...hostDocument(source), version: 2 })
  t.throws(() => parseDocument(text), { message: /of another form/ })
})
