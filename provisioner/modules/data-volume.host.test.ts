import test from 'ava'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { until } from '../../test/host/until.ts'
import { bareMachine, type TestMachine } from '../../test/machine.ts'
import { applyHost } from '../host/apply.ts'
import { readHostFacts } from '../host/facts.ts'
import { type HostAction, planHost } from '../host/plan.ts'
import { hostWanted } from '../host/wanted.ts'
import { LAYOUT } from '../layout.ts'
import { script, sh } from '../shell.ts'
import { connectHost, type HostConnection } from '../ssh.ts'

const DEVICE = '/dev/disk/by-id/scsi-0HC_Volume_7'
const [IMAGE, FOLDER, ELSEWHERE] = ['iabcdefghij', 'ibbbbbbbbbb', 'icccccccccc']
const FOLDERS = [LAYOUT.instances.images, LAYOUT.instances.data, LAYOUT.instances.marks]
const PLACES = [LAYOUT.dataVolume, ...FOLDERS].join(' ')

/** What the cloud and udev do: a device, and another name for it, before anything that needs them. */
const ATTACH = `cat >/etc/systemd/system/attach-volume.service <<'UNIT'
[Unit]
DefaultDependencies=no
Before=local-fs-pre.target
ConditionPathExists=/attached
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'loop=$(losetup -nO NAME -j /volume.img | head -n 1); [ -n "$loop" ] || loop=$(losetup -f --show /volume.img); mkdir -p /dev/disk/by-id; ln -sfn $loop ${DEVICE}'
[Install]
WantedBy=sysinit.target
UNIT
touch /attached; truncate -s 3G /volume.img; systemctl enable -q --now attach-volume`

let host: TestMachine
let connection: HostConnection

test.before(async () => {
  host = await bareMachine({ dataDevice: DEVICE })
  connection = await connectHost(host.target)
})
test.after.always(async () => {
  connection?.close()
  await host?.remove()
})

const inside = async (text: string): Promise<string> =>
  (await connection.run(script('test', text), { deadlineMs: 90_000 })).trim()

async function plan(change: Partial<HostSpec> = {}): Promise<HostAction[]> {
  const wanted = hostWanted({ ...host.spec, ...change })
  return planHost(wanted, await readHostFacts(connection, wanted))
}
async function converge(change: Partial<HostSpec> = {}): Promise<string[]> {
  const actions = await plan(change)
  await applyHost(connection, actions, () => {})
  return actions.map(({ title }) => title)
}
async function make(instance: string, storage: 'image' | 'directory'): Promise<void> {
  const sizes = [512 * 1024 ** 2, 1024 ** 3, 100]
  await connection.run(sh`${LAYOUT.library}/instance-ensure ${instance} ${storage} ${sizes}`)
  await answers(instance)
}
const sql = (instance: string, text: string): Promise<string> =>
  inside(`psql -XAtq -h /run/pgi/${instance} -U dbhost -d postgres -c '${text}'`)
const answers = (instance: string): Promise<void> =>
  until(`instance ${instance}`, () => sql(instance, 'select 1').then(Boolean).catch(String))
const reboot = async (): Promise<string> => {
  connection.close()
  await host.reboot()
  connection = await connectHost(host.target)
  return await inside('systemctl is-system-running --wait || true')
}
/** Files of data on the machine's own disk, mounted over or not. */
const beside = (): Promise<string> =>
  inside(`mount --bind / /mnt; find ${FOLDERS.map((path) => `/mnt${path}`).join(' ')} ! -type d; umount /mnt`)

test.serial(
  'a missing device, one without ext4 and data beside it are refused, and nothing is mounted',
  async (t) => {
    const refused = (message: RegExp) => t.throwsAsync(converge(), { name: 'HostError', message })
    await refused(/the data volume \/dev\/disk\/by-id\/scsi-0HC_Volume_7 is not there/)
    await inside(ATTACH)
    await refused(/scsi-0HC_Volume_7 holds no file system/)
    t.is(await inside(`blkid -p ${DEVICE} || true`), '')
    await inside(`mkfs.ext4 -q -E lazy_itable_init=1 ${DEVICE}; touch /var/lib/dbhost/note`)
    await refused(/\/var\/lib\/dbhost holds data beside the data volume .*\(\/var\/lib\/dbhost\/note\)/)
    t.is(
      await inside(`find /etc/systemd/system -name "*.mount"; findmnt -S "$(readlink -f ${DEVICE})" || true`),
      '',
    )
    await inside('rm /var/lib/dbhost/note')
  },
)

test.serial('all data lies on the volume after one converge, and the next one changes nothing', async (t) => {
  t.true((await converge()).includes(`mount the data volume ${DEVICE} (was not mounted)`))
  t.deepEqual(await plan(), [])
  for (const place of PLACES.split(' ')) {
    t.is(await inside(`findmnt -no SOURCE ${place} | sed 's/\\[.*//'`), await inside(`readlink -f ${DEVICE}`))
  }
  t.is(await inside('systemctl is-system-running --wait'), 'running')
})

test.serial('an instance runs on it, and sees nothing else of it', async (t) => {
  await make(IMAGE, 'image')
  await sql(IMAGE, 'create table kept (id int)')
  t.is(await inside(`stat -c %m /var/lib/pgi-images/${IMAGE}.img`), '/var/lib/pgi-images')
  const within = (unit: string, text: string): Promise<string> =>
    inside(`nsenter -m -t "$(systemctl show -p MainPID --value ${unit})" ${text}`)
  t.regex(await within('storage-watch', `mountpoint /var/lib/pgi/${IMAGE}`), /is a mountpoint/)
  t.is(await within(`pgi@${IMAGE}`, `ls -A ${LAYOUT.dataVolume}`), '')
  // Else it would be unmounted at a shutdown before its instance has ended.
  t.is(
    await inside(`findmnt -no TARGET -S "$(findmnt -no SOURCE /var/lib/pgi/${IMAGE})"`),
    `/var/lib/pgi/${IMAGE}`,
  )
  t.is(await beside(), '')
})

test.serial('a dedicated host keeps its folders there', async (t) => {
  await converge({ tenancy: 'dedicated' })
  t.deepEqual(await plan({ tenancy: 'dedicated' }), [])
  await make(FOLDER, 'directory')
  t.is(await inside(`stat -c %m /var/lib/pgi/${FOLDER}/data`), '/var/lib/pgi')
  t.is(await beside(), '')
  t.deepEqual(await plan(), [])
})

test.serial('its file system grows with the device', async (t) => {
  await inside(`truncate -s 4G /volume.img; losetup -c "$(readlink -f ${DEVICE})"`)
  const title = 'grow the file system of the data volume (was smaller than its device)'
  t.deepEqual(await converge(), [title])
  t.deepEqual(await plan(), [])
  t.true(Number(await inside(`stat -f -c '%b * %S' ${LAYOUT.dataVolume} | xargs expr`)) > 3.5 * 1024 ** 3)
  for (const instance of [IMAGE, FOLDER]) await answers(instance)
})

test.serial('after a boot it is there before what needs it', async (t) => {
  t.is(await reboot(), 'running')
  t.deepEqual(await plan(), [])
  const trouble = await inside(
    `systemd-analyze verify --man=no multi-user.target 2>&1 | grep cycle || true; journalctl -b -1 -o cat | grep -iE 'ordering cycle|failed.*unmount' || true`,
  )
  t.is(trouble, '')
  for (const instance of [IMAGE, FOLDER]) await answers(instance)
  const moments = `$(systemd-escape -p --suffix=mount ${PLACES}) storage-watch pgi@${IMAGE} pgi@${FOLDER}`
  const times = await inside(
    `for unit in ${moments}; do systemctl show -p InactiveExitTimestampMonotonic --value -- "$unit"; done`,
  )
  const [volume = 0, ...rest] = times.split('\n').map(Number)
  const [mounts, services] = [rest.slice(0, 3), rest.slice(3)]
  t.true(volume < Math.min(...mounts) && Math.max(...mounts) < Math.min(...services), times)
})

test.serial('without it nothing starts on the own disk, and a converge mends it', async (t) => {
  await inside('rm /attached')
  t.is(await reboot(), 'degraded')
  t.is(
    await inside(`systemctl is-active pgi@${IMAGE} pgi@${FOLDER} storage-watch || true`),
    'inactive\n'.repeat(3).trim(),
  )
  await t.throwsAsync(converge(), { message: /is not there/ })
  await t.throwsAsync(make(ELSEWHERE, 'image'))
  t.is(await beside(), '')
  await inside('touch /attached; systemctl start attach-volume')
  await converge()
  t.deepEqual(await plan(), [])
  await make(IMAGE, 'image')
  t.is(await sql(IMAGE, 'select count(*) from kept'), '0')
})

test.serial('a volume that comes later leaves what runs on the own disk as it is', async (t) => {
  await inside(`units=$(systemd-escape -p --suffix=mount ${PLACES}); systemctl stop $units
    cd /etc/systemd/system; systemctl disable -q $units; rm -r *.mount *.service.d/data-volume.conf; systemctl daemon-reload`)
  await converge({ dataDevice: null })
  await make(ELSEWHERE, 'image')
  await t.throwsAsync(converge(), { message: /\/var\/lib\/pgi-images holds data beside/ })
  await inside(`systemctl restart pgi@${ELSEWHERE}`)
  await answers(ELSEWHERE)
  t.is(await inside(`findmnt -S "$(readlink -f ${DEVICE})" || true`), '')
})
