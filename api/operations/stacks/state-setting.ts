import { z } from 'zod'
import type { StateAccess } from '../../../stacks/gateway.ts'
import { readSettingFile } from './setting-file.ts'

/** What opens something, by the names under which its library looks for it. */
const environment = z.record(z.string(), z.string())
const place = z.strictObject({ backendUrl: z.string().min(1), environment })
const secrets = z.strictObject({ provider: z.string().min(1), environment })

/**
 * Where the state of all stacks lies and what encrypts its secrets. While it is on its way to another place, or is
 * encrypted anew, that stands there as well and no stack is run.
 */
const shape = z.strictObject({
  place,
  secrets,
  moving: place.optional(),
  rekeying: secrets.optional(),
})

export type StatePlace = z.infer<typeof place>
export type StateSecrets = z.infer<typeof secrets>
export type StateSetting = z.infer<typeof shape>

/** As `npm run stack-state` has set it; undefined where it never did. @throws on anything else */
export const readStateSetting = (file: string): StateSetting | undefined =>
  readSettingFile(
    file,
    shape,
    'put back what it was, or remove it where the state lies in the control plane’s database.',
  )

/** The state is between two places, or between two keys. */
export class StateMoves extends Error {
  override readonly name = 'StateMoves'

  constructor() {
    super(
      'The state of all stacks is being moved, and none is run meanwhile. Where that was cut short, npm run stack-state -- show says how to go on.',
    )
  }
}

/** @param own where it lies as long as nothing else is set @throws StateMoves */
export function stateAccess(own: StateAccess, setting: StateSetting | undefined): StateAccess {
  if (!setting) return own
  if (setting.moving || setting.rekeying) throw new StateMoves()
  return accessOf(own, setting.place, setting.secrets)
}

export const accessOf = (own: StateAccess, at: StatePlace, by: StateSecrets): StateAccess => ({
  ...{ passphraseFile: own.passphraseFile, backendUrl: at.backendUrl, secretsProvider: by.provider },
  environment: { ...at.environment, ...by.environment },
})
