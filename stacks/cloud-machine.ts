import * as hcloud from '@pulumi/hcloud'
import * as pulumi from '@pulumi/pulumi'
import * as random from '@pulumi/random'
import { HOST_LABEL } from '../hosts/hcloud/machine.ts'
import { Block, template } from '../provisioner/render.ts'
import { cloudRules } from './cloud-firewall.ts'
import type { HostDocument } from './document.ts'
import type { CloudOutputs } from './protocol.ts'

/** What the stack of a bought host says of it. */
export interface CloudMachine {
  server: hcloud.Server
  outputs: { [Name in keyof CloudOutputs]: pulumi.Output<CloudOutputs[Name]> }
}

/** Labels by which everything of a host is found in its Hetzner Cloud project. */
const cloudLabels = ({
  id,
  cloud,
  spec,
}: Pick<HostDocument, 'id' | 'cloud' | 'spec'>): Record<string, string> => ({
  ...spec.extras?.labels,
  'dbhost-installation': cloud?.installation ?? '',
  [HOST_LABEL]: id,
})

/**
 * The machine of a host and everything around it. Nothing in it is replaced by a change of what only counts at the first
 * boot; addresses and data outlive a replacement of the server.
 * @param hostKey the private half of the host's SSH key; a server that exists keeps what it was given
 */
export function cloudMachine(document: HostDocument, hostKey: string): CloudMachine {
  const { name, cloud, spec, allow, holdsDatabases } = document
  if (!cloud) throw new Error(`${name} is not bought: its document says nothing of a machine.`)
  const labels = cloudLabels(document)
  // Names are unique in a Hetzner Cloud project, which others may share.
  const suffix = new random.RandomId(`${name}-suffix`, { byteLength: 3 })
  const named = (part?: string): pulumi.Output<string> =>
    pulumi.interpolate`${name}${part ? `-${part}` : ''}-${suffix.hex}`
  // An object of the same name has to go before its successor comes.
  const options = { protect: holdsDatabases, deleteBeforeReplace: true }
  const { location } = cloud

  const key = new hcloud.SshKey(
    `${name}-key`,
    { name: named(), publicKey: cloud.loginKey, labels },
    // Another key is another object there; machines that run keep the one they booted with.
    { ...options, protect: false },
  )
  const address = (type: 'ipv4' | 'ipv6'): hcloud.PrimaryIp =>
    new hcloud.PrimaryIp(
      `${name}-${type}`,
      {
        ...{ name: named(type), type, location, labels },
        ...{ autoDelete: false, deleteProtection: holdsDatabases },
      },
      options,
    )
  const [ipv4, ipv6] = [address('ipv4'), address('ipv6')]
  const firewall = new hcloud.Firewall(
    `${name}-firewall`,
    { name: named(), rules: cloudRules(spec, allow), labels },
    options,
  )
  const volume = new hcloud.Volume(
    `${name}-data`,
    {
      ...{ name: named('data'), size: cloud.volumeGb, location, format: 'ext4', labels },
      deleteProtection: holdsDatabases,
    },
    options,
  )
  const server = new hcloud.Server(
    `${name}-server`,
    {
      ...{ name: named(), serverType: cloud.serverType, image: cloud.image, location, labels },
      // A smaller type can follow only on a disk that did not grow.
      keepDisk: true,
      sshKeys: [key.id],
      firewallIds: [numberOf(firewall)],
      publicNets: [{ ipv4Enabled: true, ipv4: numberOf(ipv4), ipv6Enabled: true, ipv6: numberOf(ipv6) }],
      ...(cloud.placementGroup === null ? {} : { placementGroupId: cloud.placementGroup }),
      userData: pulumi.secret(userData(cloud.hostKey, hostKey)),
      ...{ deleteProtection: holdsDatabases, rebuildProtection: holdsDatabases },
      shutdownBeforeDeletion: true,
    },
    // Of the first boot alone: a newer image or another key is no reason to make another server.
    { ...options, ignoreChanges: ['userData', 'sshKeys', 'image'] },
  )
  new hcloud.VolumeAttachment(
    `${name}-data`,
    { volumeId: numberOf(volume), serverId: numberOf(server), automount: false },
    options,
  )
  if (cloud.domain) names(document, ipv4, ipv6, options)
  return {
    server,
    outputs: {
      serverId: server.id,
      addresses: pulumi.all([ipv4.ipAddress, ipv6.ipAddress]).apply(([four, six]) => [four, firstOf(six)]),
      dataDevice: volume.linuxDevice,
    },
  }
}

/** The name of the machine in the DNS, both ways. */
function names(
  { name, cloud }: HostDocument,
  ipv4: hcloud.PrimaryIp,
  ipv6: hcloud.PrimaryIp,
  options: pulumi.CustomResourceOptions,
): void {
  if (!cloud?.domain) return
  const { zone, record } = cloud.domain
  for (const [type, ip] of [['A', ipv4] as const, ['AAAA', ipv6] as const]) {
    const address = ip.ipAddress.apply(firstOf)
    new hcloud.ZoneRrset(
      `${name}-${type}`,
      { zone, name: record, type, ttl: 300, records: [{ value: address }] },
      options,
    )
    new hcloud.Rdns(
      `${name}-${type}-reverse`,
      { primaryIpId: numberOf(ip), ipAddress: address, dnsPtr: `${record}.${zone}` },
      options,
    )
  }
}

/** The API takes numbers where Pulumi keeps text. */
const numberOf = ({ id }: pulumi.CustomResource): pulumi.Output<number> => id.apply(Number)

/** The cloud gives a machine a whole IPv6 network; the machine takes its first address. */
const firstOf = (address: string): string => (address.endsWith('::') ? `${address}1` : address)

const userData = (hostPublicKey: string, hostPrivateKey: string): string =>
  template('cloud/user-data.yaml', {
    hostPublicKey,
    hostPrivateKey: new Block(hostPrivateKey.trim().split('\n')),
  })
