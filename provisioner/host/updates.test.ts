import test from 'ava'
import { parseUpdateFacts } from './updates.ts'

test('what apt and needrestart say becomes facts', (t) => {
  const text = [
    'lists\t1795630585',
    'package\txz-utils\t5.8.1-1\t5.8.1-1+deb13u2\tDebian:13.8/stable, Debian-Security:13/stable-security',
    'package\tbase-files\t13.7\t13.8\tDebian:13.8/stable',
    'restart\tpgbouncer.service',
    'reboot',
    '',
  ].join('\n')
  t.deepEqual(parseUpdateFacts(text), {
    listsAt: '2026-11-25T18:16:25.000Z',
    pending: [
      {
        ...{ package: 'xz-utils', installed: '5.8.1-1', candidate: '5.8.1-1+deb13u2' },
        ...{ origin: 'Debian, Debian-Security', security: true },
      },
      {
        ...{ package: 'base-files', installed: '13.7', candidate: '13.8' },
        ...{ origin: 'Debian', security: false },
      },
    ],
    rebootRequired: true,
    restartsPending: ['pgbouncer.service'],
  })
})

test('a line of no known form, or no time of the lists, is no fact', (t) => {
  t.throws(() => parseUpdateFacts('lists\t1795630585\nE: broken\n'), { message: /no known form: E: broken/ })
  t.throws(() => parseUpdateFacts(''), { message: /did not say/ })
})
