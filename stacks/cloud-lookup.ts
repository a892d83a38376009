import { byText } from '../common/order.ts'

/** What was asked for when a resource was to be created, by its name in Pulumi. */
type Inputs = Record<string, unknown>

type Finder = (inputs: Inputs) => Promise<string | undefined>

const DEADLINE_MS = 30_000
const HETZNER = 'https://api.hetzner.cloud/v1'

/** @returns undefined where there is no such thing */
async function ask<T>(path: string): Promise<T | undefined> {
  const { HCLOUD_ENDPOINT, HCLOUD_TOKEN } = process.env
  const response = await fetch(`${HCLOUD_ENDPOINT || HETZNER}${path}`, {
    headers: { authorization: `Bearer ${HCLOUD_TOKEN}` },
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (response.status === 404) return undefined
  if (!response.ok) throw new Error(`Hetzner Cloud does not say what there is (${path}): ${response.status}`)
  return (await response.json()) as T
}

/** Its name is unique in the project; the labels tell whether it is ours. */
const named =
  (collection: string): Finder =>
  async ({ name, labels }) => {
    const wanted = Object.entries((labels ?? {}) as Record<string, string>)
    const selector = wanted.filter(([key]) => !key.startsWith('__')).map(([key, value]) => `${key}=${value}`)
    const query = new URLSearchParams({ name: String(name), label_selector: selector.join(',') })
    const found = await ask<Record<string, { id: number }[] | undefined>>(`/${collection}?${query}`)
    return found?.[collection]?.[0]?.id.toString()
  }

const attachment: Finder = async ({ volumeId, serverId }) => {
  const found = await ask<{ volume: { server: number | null } }>(`/volumes/${Number(volumeId)}`)
  return found?.volume.server === Number(serverId) ? String(volumeId) : undefined
}

/** It has no label; one with other records is somebody else's. */
const rrset: Finder = async ({ zone, name, type, records }) => {
  const path = [zone, 'rrsets', name, type].map((part) => encodeURIComponent(String(part))).join('/')
  const found = await ask<{ rrset: { records: { value: string }[] } }>(`/zones/${path}`)
  const values = (list: unknown): string =>
    JSON.stringify((list as { value: string }[]).map(({ value }) => value).toSorted(byText))
  return found && values(found.rrset.records) === values(records) ? `${zone}/${name}/${type}` : undefined
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

/** The id of what exists in the cloud as it was asked for; undefined where nothing does, or nothing is lost by that. */
export const findInCloud = async (type: string, inputs: Inputs): Promise<string | undefined> =>
  await FINDERS[type]?.(inputs)
