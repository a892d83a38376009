/** What the attacker's programs know of the host; root on the host knows the same when it shows that each attempt works. */
export interface Target {
  /** Name and OS user of the instance that is attacked, and the attacker's own. */
  victim: string
  attacker: string
  /** A process of the victim's OS user, and the victim's server. */
  process: string
  server: string
  loop: string
  /** Every Unix socket on the host that something listens on, but the attacker's own and that of sd_notify. */
  sockets: string[]
  /** `address port` of everything that must not be reached, over TCP. */
  doors: string[]
}

/** Connects to a Unix socket of whichever type it has. */
const unix = (path: string): string =>
  `perl -MSocket -e 'for my $type (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET) {
     socket(my $s, AF_UNIX, $type, 0) or next;
     connect($s, pack_sockaddr_un($ARGV[0])) and exit 0 } exit 1' '${path}'`

const tcp = (door: string): string => {
  const [address, port] = door.split(' ')
  return `timeout 2 bash -c 'exec 3<>/dev/tcp/${address}/${port}'`
}

const socketOf = (family: number, type: number, protocol: number): string =>
  `perl -e 'socket(my $s, ${family}, ${type}, ${protocol}) or exit 1'`

const read = (path: string): string => `test "$(head -c 1 ${path} | wc -c)" = 1`

const PRIVATE = [
  ...['/etc/dbhost/firewall.nft', '/etc/dbhost/allow.nft', '/etc/pgbouncer/pgbouncer.ini'],
  ...[
    '/etc/pgbouncer/tenants/userlist.txt',
    '/etc/pgbouncer/tenants/hba.conf',
    '/etc/pgbouncer/tls/server.key',
  ],
  ...['/etc/caddy/Caddyfile', '/etc/ssh/ssh_host_ed25519_key', '/etc/shadow', '/root/.ssh/authorized_keys'],
  ...['/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.key', '/usr/local/lib/dbhost/pool-try'],
  ...['/var/log/journal/*/system.journal', '/run/pgbouncer/loaded'],
  ...['/proc/1/environ', '/proc/kallsyms', '/var/lib/dpkg/status'],
]

const FOREIGN_FOLDERS = [
  ...[
    '/',
    '/etc',
    '/usr',
    '/usr/local/bin',
    '/var',
    '/var/lib',
    '/var/lib/pgi',
    '/var/log',
    '/run',
    '/run/pgi',
  ],
  ...['/run/systemd/system', '/root', '/home', '/srv', '/opt', '/boot', '/dev'],
]

/** ptrace(PTRACE_SEIZE), which needs the right to the other process and does not stop it. */
const ptrace = (pid: string): string =>
  `perl -e 'my %number = (x86_64 => 101, aarch64 => 117); chomp(my $machine = \`uname -m\`);
     exit(syscall($number{$machine}, 0x4206, $ARGV[0] + 0, 0, 0) == 0 ? 0 : 1)' ${pid}`

/** Shell commands that end with 0 where the attack went well, by what they attack. As root on the host each goes well. */
export function attempts(target: Target): Record<string, string> {
  const { victim, attacker, process, server, loop, sockets, doors } = target
  const data = `/var/lib/pgi/${victim}`
  const version = `${data}/data/PG_VERSION`
  const image = `/var/lib/pgi-images/${victim}.img`
  const own = `/var/lib/pgi/${attacker}`
  const each = (kind: string, names: readonly string[], command: (name: string) => string) =>
    Object.fromEntries(names.map((name) => [`${kind} ${name}`, command(name)]))
  return {
    ...each('read', [version, image, ...PRIVATE], read),
    'list the instances': `test "$(ls /var/lib/pgi | wc -l)" -gt 1`,
    'list the sockets of instances': `test "$(ls /run/pgi | wc -l)" -gt 1`,
    'through /proc/PID/root': read(`/proc/${server}/root${version}`),
    'through /proc/PID/cwd': read(`/proc/${server}/cwd/PG_VERSION`),
    'through a symbolic link': `ln -sfn ${data} ${own}/w2-link && ${read(`${own}/w2-link/data/PG_VERSION`)}`,
    'through a hard link': `ln -f ${image} /var/tmp/w2-link && ${read('/var/tmp/w2-link')}`,
    'through the loop device': read(loop),
    'a device node': `rm -f /var/tmp/w2-node; mknod /var/tmp/w2-node b $(stat -c '0x%t 0x%T' ${loop} || echo 7 0)`,
    'mount the file system of the other': `mkdir -p /tmp/w2 && mount ${loop} /tmp/w2 && umount /tmp/w2`,
    'mount anything': `mkdir -p /tmp/w2 && mount -t tmpfs w2 /tmp/w2 && umount /tmp/w2`,
    'enter the namespaces of the other': `nsenter --target ${server} --mount true`,
    ...each('a new namespace:', ['user', 'mount', 'net', 'pid', 'ipc', 'uts', 'cgroup'], (kind) =>
      kind === 'pid' ? 'unshare --pid --fork true' : `unshare --${kind} true`,
    ),
    'see the processes of others': `test -d /proc/${process} || ls -ld /proc/[0-9]* | grep -qv " $(id -un) "`,
    'read the memory of a process': `head -c 1 /proc/${process}/environ`,
    'trace a process': ptrace(process),
    'trace the server': ptrace(server),
    'signal the server': `kill -0 ${server}`,
    'signal a process': `kill -CONT ${process}`,
    'shared memory': 'grep -q open /dev/shm/w2',
    ...each('socket', sockets, unix),
    'superuser of the other': `psql -XAtq -h /run/pgi/${victim} -U dbhost -d postgres -c 'select 1'`,
    'console of the pool': `test -S /run/pgbouncer/.s.PGSQL.6432`,
    systemctl: 'systemctl show pgbouncer.service -p MainPID | grep -q MainPID',
    'a unit of its own': 'systemd-run --quiet --wait true',
    ...each('reach', doors, tcp),
    'a TCP socket': socketOf(2, 1, 6),
    'an IPv6 socket': socketOf(10, 2, 17),
    'a raw socket': socketOf(2, 3, 1),
    'a packet socket': socketOf(17, 3, 0),
    'a netlink socket': socketOf(16, 3, 0),
    'a setuid program': 'test "$(/usr/local/bin/w2-id -u)" = 0',
    'make a setuid program': 'cp /usr/bin/id /var/tmp/w2-id && chmod 4755 /var/tmp/w2-id',
    ...each('write in', FOREIGN_FOLDERS, (folder) => `: >${folder}/w2-file && rm ${folder}/w2-file`),
    'a setting of the kernel': `: >>/proc/sys/net/ipv4/ip_forward`,
    'a control group': 'mkdir /sys/fs/cgroup/w2 && rmdir /sys/fs/cgroup/w2',
    'change the root': 'chroot / true',
    'change the owner of a file': `: >/tmp/w2-own && chown nobody /tmp/w2-own`,
  }
}
