import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { importKeyRing, type KeyRing } from '../common/seal.ts'
import { Secret } from '../common/secret.ts'
import type { DatabaseAddress } from './model/orm.ts'

export interface ServerConfig {
  database: DatabaseAddress
  keyRing: KeyRing
  /** SSH keys of hosts are sealed for the worker with it. */
  boxPublicKey: string
  listen: { host: string; port: number }
  /** Origin of every URL that is given out, and the only one that is answered. */
  publicOrigin: string
  logLevel: string
}

export interface WorkerConfig {
  database: DatabaseAddress
  keyRing: KeyRing
  boxPrivateKey: Secret
  workerId: string
  /** A worker that is known to be dead: what it had claimed is free. */
  predecessor: string | undefined
  /** Undefined: hosts are configured without stacks. */
  stacks: StackConfig | undefined
  logLevel: string
}

export interface StackConfig {
  /** Of the engine's state where `stateFile` says nothing else: `postgres://…`, `file://…` or `s3://…`. */
  backendUrl: string
  /** Where the state lies since it was moved; it need not be there. */
  stateFile: string | undefined
  passphraseFile: string
  /** A folder of this worker's own. */
  directory: string
  /** Says which engine was found; it may appear later. */
  engineFile: string
  /** Where machines are bought: `{"token": …, "endpoint": …}`, the latter where it is not Hetzner's own. It need not be there. */
  cloudFile: string | undefined
  /** Labels what is bought. */
  installation: string
}

type Environment = Record<string, string | undefined>

function required(env: Environment, name: string): string {
  const value = env[name]
  if (!value) throw new Error(`Set ${name}.`)
  return value
}

function readPort(name: string, text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`${name} must be a port number, not "${text}".`)
  return port
}

function readSecretFile(env: Environment, name: string): string {
  const path = required(env, name)
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new Error(`The file that ${name} names cannot be read: ${String(error)}.`)
  }
}

function readKeyRing(env: Environment): KeyRing {
  const text = readSecretFile(env, 'DBHOST_KEY_RING_FILE')
  try {
    return importKeyRing(text)
  } catch {
    // The error of a JSON parser quotes what it read.
    throw new Error(
      'The file that DBHOST_KEY_RING_FILE names is not a key ring: give the one of this service.',
    )
  }
}

function readBoxPublicKey(env: Environment): string {
  const text = readSecretFile(env, 'DBHOST_BOX_PUBLIC_KEY_FILE')
  try {
    createPublicKey({ key: Buffer.from(text, 'base64'), type: 'spki', format: 'der' })
    return text
  } catch {
    throw new Error(
      'The file that DBHOST_BOX_PUBLIC_KEY_FILE names does not hold the public key of a worker.',
    )
  }
}

/** Other versions run this code as well until something that only Node 24 has is missing. */
function checkNode(version: string): void {
  if (Number(version.split('.')[0]) >= 24) return
  throw new Error(`This is Node ${version}: start this program with Node 24 or newer.`)
}

function readLogLevel(env: Environment): string {
  const level = env.DBHOST_LOG_LEVEL ?? 'info'
  if (['debug', 'info', 'warn', 'error'].includes(level)) return level
  throw new Error(`DBHOST_LOG_LEVEL must be debug, info, warn or error, not "${level}".`)
}

const readDatabase = (env: Environment): DatabaseAddress => ({
  host: required(env, 'DBHOST_DATABASE_HOST'),
  port: readPort('DBHOST_DATABASE_PORT', env.DBHOST_DATABASE_PORT ?? '5432'),
  user: required(env, 'DBHOST_DATABASE_USER'),
  database: required(env, 'DBHOST_DATABASE_NAME'),
})

function readListen(env: Environment): ServerConfig['listen'] {
  const text = required(env, 'DBHOST_LISTEN')
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (!host || !match?.[3]) throw new Error(`DBHOST_LISTEN must be an address and a port, not "${text}".`)
  if (!['127.0.0.1', '::1'].includes(host)) {
    throw new Error('DBHOST_LISTEN must be a loopback address: put a proxy that speaks TLS in front of it.')
  }
  return { host, port: readPort('DBHOST_LISTEN', match[3]) }
}

function readOrigin(env: Environment): string {
  const text = required(env, 'DBHOST_PUBLIC_ORIGIN')
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.origin !== text) {
    throw new Error(`DBHOST_PUBLIC_ORIGIN must be an origin like https://dbhost.example, not "${text}".`)
  }
  // Keys and passwords would cross a network in clear.
  if (url.protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) {
    throw new Error(`DBHOST_PUBLIC_ORIGIN must begin with https: beyond this computer, not be "${text}".`)
  }
  return text
}

/** Reads and checks everything at once, before anything is opened. @throws naming the variable that is wrong */
export function readServerConfig(env: Environment): Readonly<ServerConfig> {
  checkNode(process.versions.node)
  return Object.freeze({
    database: readDatabase(env),
    keyRing: readKeyRing(env),
    boxPublicKey: readBoxPublicKey(env),
    listen: readListen(env),
    publicOrigin: readOrigin(env),
    logLevel: readLogLevel(env),
  })
}

/** All of them or none. */
function readStacks(env: Environment): StackConfig | undefined {
  if (!env.DBHOST_STACK_BACKEND) return undefined
  return {
    backendUrl: env.DBHOST_STACK_BACKEND,
    passphraseFile: required(env, 'DBHOST_STACK_PASSPHRASE_FILE'),
    directory: required(env, 'DBHOST_STACK_DIRECTORY'),
    engineFile: required(env, 'DBHOST_ENGINE_FILE'),
    stateFile: env.DBHOST_STACK_STATE_FILE || undefined,
    cloudFile: env.DBHOST_HCLOUD_FILE || undefined,
    installation: required(env, 'DBHOST_INSTALLATION'),
  }
}

/** @throws naming the variable that is wrong */
export function readWorkerConfig(env: Environment): Readonly<WorkerConfig> {
  checkNode(process.versions.node)
  return Object.freeze({
    database: readDatabase(env),
    keyRing: readKeyRing(env),
    boxPrivateKey: new Secret(readSecretFile(env, 'DBHOST_BOX_PRIVATE_KEY_FILE')),
    workerId: env.DBHOST_WORKER_ID ?? `${hostname()}-${process.pid}-${Date.now()}`,
    predecessor: env.DBHOST_PREDECESSOR || undefined,
    stacks: readStacks(env),
    logLevel: readLogLevel(env),
  })
}
