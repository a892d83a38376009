import test from 'ava'
import { defaultHostSpec } from '../hosts/host-spec.ts'
import { hostWanted } from './host/wanted.ts'
import { LAYOUT } from './layout.ts'
import { templateNames, templateText } from './render.ts'

const spec = defaultHostSpec({
  name: 'a',
  kind: 'ssh',
  addresses: ['192.0.2.1'],
  controlPlane: ['192.0.2.9/32'],
})
const modules = hostWanted(spec).modules
const files = new Map(modules.flatMap((module) => module.files).map((file) => [file.path, file.content]))
const text = (path: string): string => files.get(path) ?? ''

test('the files name the places of the layout', (t) => {
  const { pool, instances } = LAYOUT
  const ini = text(pool.config)
  t.true(ini.includes(`auth_hba_file = ${pool.tenants}/hba.conf\n`))
  t.true(ini.includes(`auth_file = ${pool.tenants}/userlist.txt\n`))
  t.true(ini.endsWith(`[databases]\n%include ${pool.tenants}/databases.ini\n`))
  t.true(ini.includes(`unix_socket_dir = ${pool.socketDirectory}\n`))
  t.true(ini.includes(`listen_port = ${pool.port}\n`))
  t.true(ini.includes(`admin_users = ${pool.user}\n`))
  const dropIn = text('/etc/systemd/system/pgbouncer.service.d/dbhost.conf')
  t.true(dropIn.includes(`User=${pool.user}\n`))
  t.true(dropIn.includes(` ${pool.loaded}\n`))
  const unit = text('/etc/systemd/system/pgi@.service')
  t.true(unit.includes(`-D ${instances.data}/%i/data `))
  t.true(unit.includes(`unix_socket_directories=${instances.sockets}/%i\n`))
  t.true(unit.includes('User=pgi-%i\n'))
  t.true(templateText('lib/cluster-template').includes(`-U ${instances.superuser} `))
  t.true(templateText('lib/cluster-template').includes(`home=${instances.images}\n`))
  t.true(templateText('lib/pool-certificate').includes(LAYOUT.ca.replace(/\/root\.crt$/, '\n')))
  t.true(text('/etc/nftables.conf').includes(`include "${LAYOUT.allowSets}"\n`))
  t.true(text('/etc/dbhost/firewall.nft').includes(`\ntable ${LAYOUT.nftTable} {\n`))
  t.true(text('/etc/tmpfiles.d/dbhost.conf').includes(` ${LAYOUT.lock} `))
})

test('every file of templates/lib and templates/sql lands in the library', (t) => {
  for (const name of templateNames('lib')) t.true(files.has(`${LAYOUT.library}/${name}`), name)
  for (const name of templateNames('sql')) t.true(files.has(`${LAYOUT.library}/sql/${name}`), name)
})

test('every effect of a file is a unit or a step that exists', (t) => {
  const names = new Set(
    modules
      .flatMap((module) => module.sequence)
      .map((item) => `${item.kind === 'unit' ? 'unit' : 'run'}:${item.name}`),
  )
  for (const effect of modules.flatMap((module) => module.files).flatMap((file) => file.effects)) {
    t.true(names.has(effect.replace(/^(reload|restart):/, 'unit:')), effect)
  }
})
