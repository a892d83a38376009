import { dirname } from 'node:path'
import { type EdgeSpec, isControl } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, type ManagedFile, rootFile } from '../host/resources.ts'
import { Block, template } from '../render.ts'
import { libraryFile, libraryPath, packageTools, unitFile } from './library.ts'

const UNIT = 'fail2ban.service'

/** Part of the edge: who fails too often is shut out for a while. Stands by itself. */
export function fail2banModule(spec: EdgeSpec): HostModule {
  return hostModule('fail2ban', {
    packages: ['fail2ban', 'nftables', 'python3-systemd'],
    directories: isControl(spec)
      ? [{ path: dirname(API_LOG), mode: 0o750, owner: 'root', group: 'adm' }]
      : [],
    files: [
      ...packageTools(),
      ...['check-fail2ban', 'check-unit', 'pool-ban'].map(libraryFile),
      configFile('fail2ban.local', template('fail2ban/fail2ban.local'), [`restart:${UNIT}`]),
      configFile('filter.d/dbhost-pool.conf', template('fail2ban/pool-filter.conf')),
      configFile(
        'filter.d/dbhost-https.conf',
        // Whoever looks for what is not there scans, but on the API an answer may well be 404.
        template('fail2ban/https-filter.conf', {
          statuses: isControl(spec) ? '401|403|429' : '401|403|404|429',
        }),
      ),
      ...apiFiles(spec),
      configFile('action.d/dbhost-pool.conf', template('fail2ban/pool-action.conf')),
      configFile('jail.d/dbhost.local', jailText(spec)),
      unitFile(`${UNIT}.d/dbhost.conf`, template('fail2ban/fail2ban.service.conf'), [`restart:${UNIT}`]),
    ],
    sequence: [{ kind: 'unit', name: UNIT }],
  })
}

/** A reload keeps the bans that are in force. */
function configFile(name: string, content: string, effects?: ManagedFile['effects']): ManagedFile {
  const path = `/etc/fail2ban/${name}`
  return rootFile(path, content, {
    effects: effects ?? [`reload:${UNIT}`],
    check: [libraryPath('check-fail2ban'), '{}', path],
  })
}

const API_LOG = '/var/log/dbhost/api.log'

/** fail2ban does not start without the log of a jail. */
const apiFiles = (spec: EdgeSpec): ManagedFile[] =>
  isControl(spec)
    ? [
        rootFile(API_LOG, '', { mode: 0o640, group: 'adm', seed: true }),
        rootFile('/etc/tmpfiles.d/dbhost-api-log.conf', `f ${API_LOG} 0640 root adm\n`),
        configFile('filter.d/dbhost-api.conf', template('fail2ban/api-filter.conf')),
      ]
    : []

function jailText(spec: EdgeSpec): string {
  const { controlPlane, ports } = spec
  const api = isControl(spec)
    ? template('fail2ban/api-jail.local', { log: API_LOG, httpsPort: ports.https }).trim().split('\n')
    : []
  return template('fail2ban/jail.local', {
    ignored: ['127.0.0.0/8', '::1', ...controlPlane].join(' '),
    sshPort: ports.ssh,
    poolerPort: ports.pooler,
    httpsPort: ports.https,
    api: new Block(api),
  })
}
