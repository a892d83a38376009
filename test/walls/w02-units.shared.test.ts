import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import test from 'ava'
import { hostWanted } from '../../provisioner/host/wanted.ts'
import { script } from '../../provisioner/shell.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

/** Exposure by `systemd-analyze security`, from 0 (closed) to 10. */
const MOST = { alone: 2, network: 3 }

/** Units that a script starts on the fly, by the template that does it, and why they cannot be closed. */
const ON_THE_FLY = {
  'templates/host/packages-start.sh':
    'dpkg runs the scripts of every package as root, and those may do anything to the host',
}

/** Units of Debian's with a drop-in of ours that cannot be closed either. */
const OF_DEBIAN = { 'apt-daily-upgrade.service': ON_THE_FLY['templates/host/packages-start.sh'] }

/**
 * Every service that has a file of ours or a drop-in beside Debian's, as the host itself tells, with its exposure and
 * whether it speaks to the network: "unit exposure network|alone".
 */
const JUDGE = `
folders=(/etc/systemd/system /run/systemd/system)
{
  find "\${folders[@]}" -maxdepth 1 -type f -name '*.service'
  find "\${folders[@]}" -mindepth 2 -maxdepth 2 -type f -path '*.service.d/*.conf' | sed 's|/[^/]*$||; s|\\.d$||'
} | sed 's|.*/||' | sort -u | while read -r unit; do
  # A template is judged by a name that no instance has.
  case $unit in *@.service) unit=\${unit%.service}judged.service ;; esac
  exposure=$(systemd-analyze security --no-pager "$unit" | sed -nE 's/.*exposure level for \\S+: ([0-9.]+).*/\\1/p')
  families=$(systemctl show -p PrivateNetwork -p RestrictAddressFamilies "$unit")
  reach=network
  case $families in *PrivateNetwork=yes*) reach=alone ;; esac
  case $families in *AF_INET* | *AF_NETLINK*) ;; *RestrictAddressFamilies=AF_UNIX*) reach=alone ;; esac
  echo "$unit \${exposure:-unknown} $reach"
done`

let running: RunningService
let database: Answer | undefined

test.before(async () => {
  running = await RunningService.shared()
  database = await running.createApart('w2-units')
})
test.after.always(async () => {
  if (database) await running.delete(database)
  await running.remove()
})

test.serial('W2 every unit of ours is closed to what it does not need', async (t) => {
  const { connection, host } = running.service
  const lines = (await connection.run(script('judge', JUDGE), { deadlineMs: 60_000 })).trim().split('\n')
  const judged = new Map(lines.map((line) => [line.split(' ')[0] ?? '', line]))
  const written = hostWanted(host.spec).modules.flatMap(({ files }) => files.map(({ path }) => path))
  for (const path of written) {
    const unit = /^\/etc\/systemd\/system\/([^/]+\.service)(?:\.d\/.*)?$/.exec(path)?.[1]
    if (unit) t.true(judged.has(unit.replace('@.service', '@judged.service')), `${unit} was not judged`)
  }
  t.true(
    [...judged.keys()].some((unit) => /^pgi@i[a-z0-9]{10}\.service$/.test(unit)),
    'an instance that runs',
  )
  for (const line of judged.values()) {
    const [unit = '', exposure, reach] = line.split(' ')
    if (unit in OF_DEBIAN) continue
    t.true(Number(exposure) <= MOST[reach === 'alone' ? 'alone' : 'network'], line)
  }
  t.log(lines.join(', '))
})

test('W2 a unit that a script starts on the fly says why it is not closed', (t) => {
  const templates = globSync('templates/**/*', { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  const starters = templates.filter((file) => readFileSync(file, 'utf8').includes('systemd-run'))
  t.deepEqual(
    starters.map((file) => relative('.', file)),
    Object.keys(ON_THE_FLY),
  )
})
