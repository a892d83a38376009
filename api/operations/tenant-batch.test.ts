import test from 'ava'
import { failure } from '../../provisioner/host-connection.ts'
import { LOCK_BUSY, locked, OUT_OF_TIME, sh } from '../../provisioner/shell.ts'
import { mayPass } from './tenant-batch.ts'

const failed = (code: number, stderr = ''): string =>
  failure(locked(sh`instance-ensure`), { code, signal: null, stdout: '', stderr }).message

test('what a busy host did not do in its time, or for the lock of another change, is tried again', (t) => {
  t.true(mayPass(failed(OUT_OF_TIME)))
  t.true(mayPass(failed(LOCK_BUSY)))
  t.false(mayPass(failed(1, 'useradd: invalid user name')))
})
