import test from 'ava'
import { type HostFacts, parseHostFacts } from './facts.ts'
import { planHost, sha256 } from './plan.ts'
import { hostModule, rootFile } from './resources.ts'
import type { HostWanted } from './wanted.ts'

const WANTED: HostWanted = {
  modules: [
    hostModule('web', {
      packages: ['caddy'],
      users: [{ name: 'web', comment: 'Web' }],
      directories: [{ path: '/etc/web', mode: 0o750, owner: 'root', group: 'web' }],
      files: [
        rootFile('/etc/web/conf', 'good\n', { effects: ['reload:web.service'] }),
        rootFile('/etc/web/unit', 'unit\n', { effects: ['restart:web.service', 'run:systemd'] }),
        rootFile('/etc/web/list', 'seed\n', { seed: true }),
      ],
      links: [{ path: '/etc/web/now', target: '/etc/web/a', seed: true }],
      sequence: [
        { kind: 'step', name: 'systemd', title: 'make systemd read its units', command: ['true'] },
        {
          kind: 'step',
          name: 'rules',
          title: 'load the rules',
          command: ['true'],
          probe: { command: ['p'], wanted: 'in force' },
        },
        { kind: 'unit', name: 'web.service' },
      ],
    }),
  ],
}

const READY = `path\t/etc/web\t750\troot\tweb\tdirectory
path\t/etc/web/conf\t644\troot\troot\tregular file
path\t/etc/web/unit\t644\troot\troot\tregular file
path\t/etc/web/list\t644\troot\troot\tregular empty file
path\t/etc/web/now\t777\troot\troot\tsymbolic link
link\t/etc/web/now\t/etc/web/b
sha256\t/etc/web/conf\t${sha256('good\n')}
sha256\t/etc/web/unit\t${sha256('unit\n')}
sha256\t/etc/web/list\t${sha256('')}
unit\tId=web.service
unit\tLoadState=loaded
unit\tActiveState=active
unit\tUnitFileState=enabled
unit\tNeedDaemonReload=no
package\tcaddy\tii 
user\tweb
probe\trules\tin force
`

const facts = (change: (text: string) => string): HostFacts => parseHostFacts(change(READY))
const without = (line: RegExp) => (text: string) =>
  text
    .split('\n')
    .filter((one) => !line.test(one))
    .join('\n')

const CASES: [string, (text: string) => string, string[]][] = [
  ['nothing', (text) => text, []],
  [
    'one byte',
    (text) => text.replace(sha256('good\n'), sha256('bad\n')),
    ['write /etc/web/conf (content differs)', 'reload unit web.service (its files changed)'],
  ],
  [
    'a unit file',
    without(/\/etc\/web\/unit/),
    [
      'write /etc/web/unit (was missing)',
      'make systemd read its units (its files changed)',
      'restart unit web.service (its files changed)',
    ],
  ],
  [
    'mode',
    (text) => text.replace('/etc/web/conf\t644', '/etc/web/conf\t666'),
    ['set mode 0644 and owner root:root of /etc/web/conf (mode was 0666)'],
  ],
  [
    'owner of a folder',
    (text) => text.replace('750\troot\tweb', '750\tweb\tweb'),
    ['set mode 0750 and owner root:web of /etc/web (owner was web:web)'],
  ],
  [
    'a link instead of a file',
    (text) => text.replace('conf\t644\troot\troot\tregular file', 'conf\t777\troot\troot\tsymbolic link'),
    ['write /etc/web/conf (was a link)', 'reload unit web.service (its files changed)'],
  ],
  [
    'a seed that is missing',
    without(/\/etc\/web\/(list|now)/),
    ['write /etc/web/list (was missing)', 'link /etc/web/now to /etc/web/a (was missing)'],
  ],
  [
    'a stopped unit',
    (text) => text.replace('ActiveState=active', 'ActiveState=failed'),
    ['start unit web.service (was failed)'],
  ],
  [
    'a stopped unit with a new file',
    (text) => without(/\/etc\/web\/conf/)(text.replace('ActiveState=active', 'ActiveState=inactive')),
    ['write /etc/web/conf (was missing)', 'start unit web.service (was inactive)'],
  ],
  [
    'a disabled unit',
    (text) => text.replace('UnitFileState=enabled', 'UnitFileState=disabled'),
    ['enable unit web.service (was disabled)'],
  ],
  [
    'a stale unit',
    (text) => text.replace('NeedDaemonReload=no', 'NeedDaemonReload=yes'),
    ['make systemd read its units (its files changed)'],
  ],
  [
    'a probe',
    (text) => text.replace('in force', 'the table is missing'),
    ['load the rules (was the table is missing)'],
  ],
  [
    'an effect that is owed',
    (text) => `${text}pending\treload:web.service\n`,
    ['reload unit web.service (its files changed)'],
  ],
  [
    'both effects owed',
    (text) => `${text}pending\treload:web.service\npending\trestart:web.service\n`,
    ['restart unit web.service (its files changed)'],
  ],
  [
    'a package file',
    (text) => `${text}lost\tcaddy\t/usr/bin/caddy\n`,
    ['reinstall caddy (/usr/bin/caddy is missing)'],
  ],
  ['a package', without(/^package/), ['install caddy']],
  ['a user', without(/^user/), ['create user web']],
]

for (const [name, change, titles] of CASES) {
  test(`what follows from ${name}`, (t) => {
    t.deepEqual(
      planHost(WANTED, facts(change)).map((action) => action.title),
      titles,
    )
  })
}

test('a bare host needs everything, in an order in which it can be had', (t) => {
  const kinds = planHost(WANTED, parseHostFacts('')).map((action) => action.kind)
  t.deepEqual([...new Set(kinds)], ['packages', 'user', 'directory', 'file', 'link', 'step', 'unit'])
})

test('a fact of no known form is not passed over', (t) => {
  t.throws(() => parseHostFacts('bash: sudo: command not found'), { message: /no known form/ })
})
