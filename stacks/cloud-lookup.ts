import { z } from 'zod'
import { byText } from '../common/order.ts'
import { Secret } from '../common/secret.ts'
import { type CloudAccess, find, list } from '../hosts/hcloud/client.ts'

/** What was asked for when a resource was to be created, by its name in Pulumi. */
type Inputs = Record<string, unknown>

type Finder = (access: CloudAccess, inputs: Inputs) => Promise<string | undefined>

const DEADLINE_MS = 30_000

const thing = z.object({ id: z.number() })

/** Its name is unique in the project; the labels tell whether it is ours. */
const named =
  (collection: string): Finder =>
  async (access, { name, labels }) => {
    const wanted = Object.entries((labels ?? {}) as Record<string, string>)
    const selector = wanted.filter(([key]) => !key.startsWith('__')).map(([key, value]) => `${key}=${value}`)
    const query = { name: String(name), label_selector: selector.join(',') }
    const [found] = await list(access, collection, thing, { query })
    return found?.id.toString()
  }

const volume = z.object({ volume: z.object({ server: z.number().nullable() }) })

const attachment: Finder = async (access, { volumeId, serverId }) => {
  const found = await find(access, `/volumes/${Number(volumeId)}`, volume)
  return found?.volume.server === Number(serverId) ? String(volumeId) : undefined
}

const record = z.object({ value: z.string() })
const recordSet = z.object({ rrset: z.object({ records: z.array(record) }) })

/** It has no label; one with other records is somebody else's. */
const rrset: Finder = async (access, { zone, name, type, records }) => {
  const path = [zone, 'rrsets', name, type].map((part) => encodeURIComponent(String(part))).join('/')
  const found = await find(access, `/zones/${path}`, recordSet)
  const values = (all: z.infer<typeof record>[]): string =>
    JSON.stringify(all.map(({ value }) => value).toSorted(byText))
  const same = found && values(found.rrset.records) === values(records as z.infer<typeof record>[])
  return same ? `${zone}/${name}/${type}` : undefined
}

/** Reverse names are missing: to set one twice is to set it. */
const FINDERS: Record<string, Finder> = {
  'hcloud:index/server:Server': named('servers'),
  'hcloud:index/primaryIp:PrimaryIp': named('primary_ips'),
  'hcloud:index/volume:Volume': named('volumes'),
  'hcloud:index/firewall:Firewall': named('firewalls'),
  'hcloud:index/sshKey:SshKey': named('ssh_keys'),
  'hcloud:index/volumeAttachment:VolumeAttachment': attachment,
  'hcloud:index/zoneRrset:ZoneRrset': rrset,
}

/**
 * The id of what exists in the cloud as it was asked for; undefined where nothing does, or nothing is lost by that.
 * @throws CloudError
 */
export async function findInCloud(type: string, inputs: Inputs): Promise<string | undefined> {
  const { HCLOUD_ENDPOINT, HCLOUD_TOKEN = '' } = process.env
  const access = { token: new Secret(HCLOUD_TOKEN), endpoint: HCLOUD_ENDPOINT || undefined }
  return await FINDERS[type]?.({ ...access, deadlineMs: DEADLINE_MS }, inputs)
}
