import { adoptHosts } from '../api/services/stacks.ts'
import { messageOf } from '../common/errors.ts'
import { buildEngine } from '../tools/engine/build.ts'
import type { ControlPlane } from './control-plane.ts'
import { ensureEngine } from './engine.ts'
import { followOperation } from './follow.ts'
import { say } from './say.ts'
import type { HostServices } from './services.ts'

/**
 * Finds an engine in the background and lets it adopt the hosts; whoever waits for the service does not wait for this.
 * `DBHOST_ENGINE=direct` keeps hosts without one.
 */
export async function adoptInBackground({ installation, users, services }: ControlPlane): Promise<void> {
  if (process.env.DBHOST_ENGINE === 'direct') return
  try {
    const engine = await ensureEngine(installation, users.worker, () => buildEngine(say))
    if (!engine)
      return say('No Pulumi engine can be had here, so hosts have no stacks: npm run doctor says why')
    await adoptAll(services, say, () => {})
  } catch (error) {
    say(`The Pulumi engine could not be set up: ${messageOf(error)}. Hosts go on without stacks.`)
  }
}

/** Adopts each host that has no stack. @param tell how that went @param follow what the operations are at */
export async function adoptAll(
  services: HostServices,
  tell: (text: string) => void,
  follow = tell,
): Promise<void> {
  for (const { id } of await adoptHosts(services)) {
    const { state, error, host } = await followOperation(services.em, id, follow)
    if (state === 'succeeded') tell(`${host.name} is now managed by its stack: npm run -s stack -- preview`)
    else tell(`${host.name} was not adopted into a stack: ${error?.message ?? 'nobody knows why'}`)
  }
}
