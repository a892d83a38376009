import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { exportKeyRing, newBoxKeys, newKeyRing } from '../common/seal.ts'
import { Secret } from '../common/secret.ts'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'
import type { OsUsers } from './os-users.ts'

export interface InstallationKeys {
  /** Paths, each readable by the one user whose program needs it. */
  server: { keyRing: string; boxPublicKey: string }
  worker: {
    keyRing: string
    boxPrivateKey: string
    stackPassphrase: string
    /** Need not be there. */
    cloud: string
  }
  /** In root's memory only: what the boot helper gives to machines and, sealed, to the worker. */
  boxPublicKey: string
  machineSsh: { privateKey: Secret; publicKey: string }
}

interface Originals {
  keyRing: string
  boxPublicKey: string
  boxPrivateKey: string
  sshPrivateKey: string
  sshPublicKey: string
}

const directoryOf = (installation: Installation): string => join(installation.stateDir, 'keys')
const originalsOf = (installation: Installation): string => join(directoryOf(installation), 'originals.json')

const readOriginals = (installation: Installation): Originals =>
  JSON.parse(readFileSync(originalsOf(installation), 'utf8')) as Originals

/** What opens the SSH keys of hosts; besides the worker only root can read it. */
export const readBoxPrivateKey = (installation: Installation): Secret =>
  new Secret(readOriginals(installation).boxPrivateKey)

/** Seals the SSH keys of hosts. */
export const readBoxPublicKey = (installation: Installation): string =>
  readOriginals(installation).boxPublicKey

/** What encrypts secrets in the state of stacks; root's copy is read by whoever runs `npm run stack`. */
export const passphraseFile = (installation: Installation): string =>
  join(directoryOf(installation), 'stack-passphrase')

/** The worker's copy of it. */
export const workerPassphraseFile = (installation: Installation): string =>
  join(directoryOf(installation), 'worker', 'stack-passphrase')

function passphraseOf(installation: Installation): Secret {
  const file = passphraseFile(installation)
  if (!existsSync(file)) writeFileAtomically(file, randomBytes(32).toString('base64url'), { mode: 0o600 })
  return new Secret(readFileSync(file, 'utf8'))
}

function newOriginals(label: string, directory: string): Originals {
  const box = newBoxKeys()
  return {
    keyRing: exportKeyRing(newKeyRing()),
    boxPublicKey: box.publicKey,
    boxPrivateKey: box.privateKey.reveal(),
    ...newSshKeys(label, directory),
  }
}

function newSshKeys(label: string, directory: string): Pick<Originals, 'sshPrivateKey' | 'sshPublicKey'> {
  // mkdtemp makes a folder that only its owner may enter.
  const scratch = mkdtempSync(join(directory, '.ssh-'))
  const file = join(scratch, 'key')
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', label, '-f', file])
    const read = (path: string): string => readFileSync(path, 'utf8')
    return { sshPrivateKey: read(file), sshPublicKey: read(`${file}.pub`).trim() }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/**
 * The installation's keys, made once. Root keeps the originals; server and worker each get copies of exactly what
 * their program needs, written anew where they differ.
 */
export function ensureKeys(installation: Installation, users: OsUsers): InstallationKeys {
  const directory = directoryOf(installation)
  const original = originalsOf(installation)
  mkdirSync(directory, { recursive: true, mode: 0o711 })
  chmodSync(directory, 0o711)
  if (!existsSync(original)) {
    const text = JSON.stringify(newOriginals(`dbhost-${installation.id}`, directory))
    writeFileAtomically(original, text, { mode: 0o600 })
  }
  const keys = readOriginals(installation)
  const give = (program: string, uid: number, name: string, text: string): string =>
    giveFile(join(directory, program), name, text, { uid, gid: users.group })
  return {
    server: {
      keyRing: give('server', users.server, 'key-ring', keys.keyRing),
      boxPublicKey: give('server', users.server, 'box-public-key', keys.boxPublicKey),
    },
    worker: {
      keyRing: give('worker', users.worker, 'key-ring', keys.keyRing),
      boxPrivateKey: give('worker', users.worker, 'box-private-key', keys.boxPrivateKey),
      stackPassphrase: give('worker', users.worker, 'stack-passphrase', passphraseOf(installation).reveal()),
      cloud: giveCloudAccess(installation, { uid: users.worker, gid: users.group }),
    },
    boxPublicKey: keys.boxPublicKey,
    machineSsh: { privateKey: new Secret(keys.sshPrivateKey), publicKey: keys.sshPublicKey },
  }
}

/** The project in which machines are bought; made and read by root and the worker. */
export const cloudFile = (installation: Installation): string =>
  join(directoryOf(installation), 'worker', 'hcloud.json')

/** Say where the state of stacks was moved to: root's, and the copy for the worker. */
export const stateFiles = (installation: Installation): { original: string; worker: string } => ({
  original: join(directoryOf(installation), 'stack-state.json'),
  worker: join(directoryOf(installation), 'worker', 'stack-state.json'),
})

/**
 * `HCLOUD_TOKEN`, with `HCLOUD_ENDPOINT` where that is not Hetzner's own, is kept for the worker; an empty one takes it
 * away, and without the variable it stays as it was.
 */
function giveCloudAccess(installation: Installation, owner: { uid: number; gid: number }): string {
  const path = cloudFile(installation)
  const { HCLOUD_TOKEN: token, HCLOUD_ENDPOINT: endpoint } = process.env
  const text = JSON.stringify({ token: token?.trim(), ...(endpoint ? { endpoint } : {}) })
  if (token?.trim()) return giveFile(dirname(path), basename(path), text, owner)
  if (token !== undefined) rmSync(path, { force: true })
  return path
}

/** The directory is root's, so its reader cannot put another file in the place of this one. */
function giveFile(
  directory: string,
  name: string,
  text: string,
  owner: { uid: number; gid: number },
): string {
  mkdirSync(directory, { recursive: true, mode: 0o711 })
  chmodSync(directory, 0o711)
  const path = join(directory, name)
  const same = existsSync(path) && readFileSync(path, 'utf8') === text
  if (!same) writeFileAtomically(path, text, { mode: 0o600, ...owner })
  chownSync(path, owner.uid, owner.gid)
  chmodSync(path, 0o600)
  return path
}
