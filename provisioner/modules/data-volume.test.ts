import test from 'ava'
import { defaultHostSpec } from '../../hosts/host-spec.ts'
import { hostWanted } from '../host/wanted.ts'
import { LAYOUT } from '../layout.ts'
import { templateText } from '../render.ts'

const DEVICE = '/dev/disk/by-id/scsi-0HC_Volume_7'
const spec = defaultHostSpec({
  name: 'a',
  kind: 'hcloud',
  addresses: ['192.0.2.1'],
  controlPlane: ['192.0.2.9/32'],
})
const { images, data, marks } = LAYOUT.instances

test('a host without a volume is as before, and one with it differs in nothing else', (t) => {
  const without = hostWanted(spec)
  t.false(without.modules.some(({ name }) => name === 'data-volume'))
  t.is(JSON.stringify(hostWanted({ ...spec, dataDevice: null })), JSON.stringify(without))
  const { modules } = hostWanted({ ...spec, dataDevice: DEVICE })
  t.deepEqual(
    modules.filter(({ name }) => name !== 'data-volume'),
    without.modules,
  )
  const names = modules.map(({ name }) => name)
  t.is(names.indexOf('data-volume') + 1, names.indexOf('postgres'))
})

test('the script, the mounts and who needs them name the places of the layout', (t) => {
  const module = hostWanted({ ...spec, dataDevice: DEVICE }).modules.find(
    ({ name }) => name === 'data-volume',
  )
  const text = (path: string): string => module?.files.find((file) => file.path.endsWith(path))?.content ?? ''
  const script = templateText('volume/data-volume')
  t.true(script.includes(`\nplace=${LAYOUT.dataVolume}\nfolders=(${images} ${data} ${marks})\n`))
  t.true(script.includes(`recipe=${LAYOUT.library}/volume `))
  for (const where of [LAYOUT.dataVolume, images, data, marks]) {
    const mount = text(`/volume/${where.slice(where.lastIndexOf('/') + 1)}.mount`)
    t.true(mount.includes(`\nWhat=${DEVICE}\nWhere=${where}\n`), where)
  }
  t.true(text('/pgi@.service.d/data-volume.conf').includes(`RequiresMountsFor=${images} ${data} ${marks}\n`))
})

test('every effect of the module is a step that exists', (t) => {
  const { modules } = hostWanted({ ...spec, dataDevice: DEVICE })
  const steps = new Set(modules.flatMap(({ sequence }) => sequence).map(({ name }) => `run:${name}`))
  const effects = modules.find(({ name }) => name === 'data-volume')?.files.flatMap((file) => file.effects)
  for (const effect of effects ?? []) t.true(steps.has(effect), effect)
})
