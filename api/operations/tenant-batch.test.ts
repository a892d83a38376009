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

test('what an instance did not carry out because it ended or was coming up is tried again', (t) => {
  for (const words of [
    'psql:/usr/local/lib/dbhost/sql/drop-database.sql:11: error: connection to server was lost',
    'psql: error: connection to server on socket "/run/pgi/i1/.s.PGSQL.5432" failed: No such file or directory',
    'psql:drop-database.sql:3: FATAL:  terminating connection due to administrator command',
    'psql: error: FATAL:  the database system is in recovery mode',
    'psql: error: FATAL:  sorry, too many clients already',
  ])
    t.true(mayPass(words), words)
  t.false(mayPass('psql:ensure-database.sql:9: ERROR:  permission denied to create database'))
})
