import test from 'ava'
import { grown } from './gauges.ts'

test('what grows beyond its bound is named, what stays within it is not', (t) => {
  const before = {
    'server memory': 100,
    'worker open files': 40,
    'host mounts': 10,
    'PostgreSQL processes': 12,
  }
  t.deepEqual(grown(before, before), [])
  t.deepEqual(
    grown(before, { ...before, 'server memory': 213, 'worker open files': 66, 'host mounts': 12 }),
    [],
  )
  t.deepEqual(grown(before, { ...before, 'server memory': 215, 'host mounts': 13, new: 3 }), [
    'server memory: 215 after 100, at most 214',
    'host mounts: 13 after 10, at most 12',
    'new: 3 after 0, at most 2',
  ])
})
