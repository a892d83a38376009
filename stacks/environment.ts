import { mkdirSync, symlinkSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Engine } from './engine.ts'

/** The secrets of a state are encrypted with a passphrase, not by a key service. */
export const PASSPHRASE = 'passphrase'

/** Where the state of stacks is kept, and what opens it. */
export interface StateAccess {
  /** `postgres://…`, `file://…` or `s3://…`. */
  backendUrl: string
  /** File of the passphrase that secrets in the state are encrypted with, where no key service does it. */
  passphraseFile: string
  /** What encrypts the secrets of a new stack: `passphrase`, or the URL of a key in a key service. */
  secretsProvider?: string
  /** What opens the place and the key service, by the names under which their libraries look for it. */
  environment?: Record<string, string>
}

/** The folder of a place that is one. */
export const folderOfPlace = (backendUrl: string): string | undefined =>
  backendUrl.startsWith('file://') ? backendUrl.slice('file://'.length) : undefined

/**
 * What an engine is to know, by hand and by the worker; also makes the home that it writes into.
 * @param home a folder of this run alone
 * @param fetched where providers are kept that the engine gets by itself
 */
export function engineEnvironment(
  engine: Engine,
  { backendUrl, passphraseFile, environment }: StateAccess,
  home: string,
  fetched: string,
): Record<string, string> {
  mkdirSync(home, { recursive: true })
  mkdirSync(fetched, { recursive: true })
  symlinkSync(engine.plugins ?? fetched, join(home, 'plugins'))
  return {
    ...environment,
    PATH: [engine.bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: backendUrl,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    // Another folder has no settings of the stack: what encrypts its secrets is known from its state.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
    PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: 'true',
    PULUMI_LOG_ROTATION_MAX_AGE_DAYS: '1',
    PULUMI_LOG_ROTATION_MAX_TOTAL_MB: '100',
    ...(engine.plugins === null ? {} : { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true' }),
  }
}
