import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { WorkerIdentity } from './worker-identity.ts'

test('each worker that worked has a successor that knows it; one that did not is repeated', (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'dbhost-worker-')), 'worker.json')
  const first = new WorkerIdentity(file).next()
  t.is(first.DBHOST_PREDECESSOR, undefined)
  new WorkerIdentity(file).hasWorked()
  const second = new WorkerIdentity(file).next()
  t.is(second.DBHOST_PREDECESSOR, first.DBHOST_WORKER_ID)
  t.deepEqual(new WorkerIdentity(file).next(), second)
  new WorkerIdentity(file).hasWorked()
  t.is(new WorkerIdentity(file).next().DBHOST_PREDECESSOR, second.DBHOST_WORKER_ID)
})
