import { cidrFamily } from '../../common/cidr.ts'
import type { EdgeSpec, ExtraRule } from '../../hosts/host-spec.ts'
import { sha256 } from '../host/plan.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { Block, template } from '../render.ts'
import { libraryFile, libraryPath, packageTools, unitFile } from './library.ts'

const LOAD = libraryPath('firewall-load')
const CONFIRMED = '/etc/dbhost/firewall.confirmed.nft'

/** Part of the edge: what may reach this host at all. Stands by itself. */
export function firewallModule(spec: EdgeSpec): HostModule {
  const text = firewallText(spec)
  const checked = { check: ['nft', '-c', '-f', '{}'], effects: ['run:firewall'] } as const
  return hostModule('firewall', {
    packages: ['nftables'],
    directories: [{ path: '/etc/dbhost', mode: 0o755, owner: 'root', group: 'root' }],
    files: [
      ...packageTools(),
      libraryFile('firewall-load'),
      libraryFile('allow-apply'),
      libraryFile('check-unit'),
      rootFile('/etc/dbhost/firewall.nft', text, checked),
      rootFile(LAYOUT.allowSets, template('firewall/allow.nft'), {
        mode: 0o600,
        seed: true,
        effects: ['run:firewall'],
      }),
      rootFile('/etc/nftables.conf', template('firewall/nftables.conf'), checked),
      ...['firewall-roll-back.service', 'firewall-roll-back.timer'].map((name) =>
        unitFile(name, template(`firewall/${name}`), ['run:systemd']),
      ),
      unitFile('nftables.service.d/dbhost.conf', template('firewall/nftables.service.conf'), ['run:systemd']),
    ],
    sequence: [
      {
        kind: 'step',
        name: 'firewall',
        title: 'load the firewall',
        command: [LOAD, '--guarded'],
        confirm: [LOAD, '--confirm', sha256(text)],
        probe: { command: [LOAD, '--check'], wanted: 'in force', explain: [LOAD, '--explain'] },
      },
      { kind: 'unit', name: 'nftables.service' },
    ],
    undo: [
      ['nft', 'destroy', 'table', ...LAYOUT.nftTable.split(' ')],
      ['rm', '-f', CONFIRMED],
    ],
  })
}

/** One rule for each family of addresses. */
const extraRules = ({ description, port, sources }: ExtraRule): string[] =>
  (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const own = sources.filter((cidr) => cidrFamily(cidr) === family)
    const from = family === 'ipv4' ? 'ip' : 'ip6'
    return own.length === 0
      ? []
      : [`tcp dport ${port} ${from} saddr { ${own.join(', ')} } accept comment "${description}"`]
  })

function firewallText({ controlPlane, ports, extras }: EdgeSpec): string {
  const elements = (family: 'ipv4' | 'ipv6'): Block => {
    const cidrs = controlPlane.filter((cidr) => cidrFamily(cidr) === family)
    return new Block(cidrs.length > 0 ? [`elements = { ${cidrs.join(', ')} }`] : [])
  }
  return template('firewall/firewall.nft', {
    control4: elements('ipv4'),
    control6: elements('ipv6'),
    sshPort: ports.ssh,
    poolerPort: ports.pooler,
    httpsPort: ports.https,
    extraRules: new Block(extras?.rules.flatMap(extraRules) ?? []),
  })
}
