import { timingSafeEqual } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { NodeSSH } from 'node-ssh'
import { messageOf } from '../common/errors.ts'
import type { Secret } from '../common/secret.ts'
import type { HostAccess } from '../hosts/host-spec.ts'
import { HostConnection } from './host-connection.ts'
import { HostError } from './host-error.ts'

export { HostConnection, type RunOptions } from './host-connection.ts'
export { HostError } from './host-error.ts'

/** A host, with what proves to it that it is us: a private key as OpenSSH or PEM text, or the socket of an agent that holds it. */
export type SshTarget = HostAccess & ({ privateKey: Secret } | { agent: string })

const CONNECT_DEADLINE_MS = 15_000

/**
 * Opens a warm connection to a host.
 * @param options.deadlineMs until the host must have let us in; 15 s where not given
 * @throws HostError of kind unreachable, host-key, auth or timeout
 */
export async function connectHost(
  target: SshTarget,
  options: { deadlineMs?: number } = {},
): Promise<HostConnection> {
  const deadlineMs = options.deadlineMs ?? CONNECT_DEADLINE_MS
  const pinned = pinnedKey(target)
  const ssh = new NodeSSH()
  let refusedKey = false
  let late = false
  // ssh2 leaves Nagle's algorithm on, which costs 40 ms per round trip; a socket of our own does not.
  const socket = connect({ host: target.address, port: target.port, noDelay: true })
  const timer = setTimeout(() => {
    late = true
    socket.destroy(new Error(`no answer within ${deadlineMs} ms`))
  }, deadlineMs)
  try {
    await connected(socket)
    await ssh.connect({
      sock: socket,
      username: target.user,
      ...('agent' in target ? { agent: target.agent } : { privateKey: target.privateKey.reveal() }),
      hostVerifier: (key: Buffer): boolean => {
        refusedKey = key.length !== pinned.length || !timingSafeEqual(key, pinned)
        return !refusedKey
      },
      algorithms: { serverHostKey: ['ssh-ed25519'] },
      readyTimeout: deadlineMs,
      keepaliveInterval: 5000,
      keepaliveCountMax: 3,
    })
  } catch (error) {
    socket.destroy()
    throw connectError(target, error, { refusedKey, late, deadlineMs })
  } finally {
    clearTimeout(timer)
  }
  return new HostConnection(ssh, {
    root: target.user === 'root',
    localAddress: socket.localAddress ?? '',
    reopen: () => connectHost(target, options),
  })
}

function pinnedKey({ hostKey, address }: HostAccess): Buffer {
  const match = /^ssh-ed25519 ([A-Za-z0-9+/=]+)/.exec(hostKey.trim())
  if (!match?.[1]) {
    throw new HostError(
      'host-key',
      `The host key kept for ${address} is not of the form "ssh-ed25519 AAAA…".`,
    )
  }
  return Buffer.from(match[1], 'base64')
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
    // Whoever listens next comes too late for an error in between.
    socket.on('error', () => {})
  })
}

function connectError(
  { address, port, user }: HostAccess,
  cause: unknown,
  seen: { refusedKey: boolean; late: boolean; deadlineMs: number },
): HostError {
  const where = `${address} port ${port}`
  const level = cause instanceof Error && 'level' in cause ? cause.level : undefined
  if (seen.refusedKey || /no matching host key/.test(messageOf(cause))) {
    return new HostError(
      'host-key',
      `${where} shows another host key than the one pinned at registration. Either this is another machine, or it ` +
        'was installed anew: compare its key (/etc/ssh/ssh_host_ed25519_key.pub) and register the host again.',
      { cause },
    )
  }
  if (seen.late || level === 'client-timeout') {
    return new HostError(
      'timeout',
      `${where} did not let us in within ${seen.deadlineMs} ms; it may be down or busy.`,
      {
        cause,
      },
    )
  }
  if (level === 'client-authentication') {
    return new HostError(
      'auth',
      `${where} does not accept our key for ${user}: add the public key to that user's ~/.ssh/authorized_keys.`,
      { cause },
    )
  }
  if (/privateKey/.test(messageOf(cause))) {
    return new HostError('auth', `The private key kept for ${where} cannot be read: register the host again.`)
  }
  return new HostError('unreachable', `${where} cannot be reached over SSH: ${messageOf(cause)}.`, { cause })
}
