import type { EntityManager } from '@mikro-orm/postgresql'
import { messageOf } from '../common/errors.ts'
import { createLogger } from '../common/log.ts'
import { readEngineRecord } from '../stacks/engine.ts'
import type { StateAccess } from '../stacks/gateway.ts'
import { readWorkerConfig, type StackConfig } from './config.ts'
import { awaitDatabase } from './model/await-database.ts'
import { openOrm } from './model/orm.ts'
import { type Checkpoint, noCheckpoint } from './operations/checkpoint.ts'
import { Connections } from './operations/connections.ts'
import type { PassDependencies } from './operations/dependencies.ts'
import { startMeasuring } from './operations/measure.ts'
import { startRunner, takeOver } from './operations/runner.ts'
import { readCloudAccess } from './operations/stacks/cloud-access.ts'
import { startStackOperations } from './operations/stacks/serve.ts'
import { readStateSetting, stateAccess } from './operations/stacks/state-setting.ts'
import type { StackAccess } from './operations/stacks/work.ts'
import { startSweep } from './operations/sweep.ts'
import { forgetPreviews } from './services/forget-previews.ts'
import { purgeIdempotency } from './services/idempotency.ts'
import { openQueue } from './services/queue.ts'

/** How long a pass may go on after a first request to stop, in milliseconds. */
const STOP_DEADLINE_MS = 15_000

/** How often what is kept for 24 hours is looked through, in milliseconds. */
const PURGE_MS = 10 * 60_000

/** What is kept for a day only. */
async function forgetOld(em: EntityManager): Promise<void> {
  await purgeIdempotency(em)
  await forgetPreviews(em)
}

/** Whatever may appear or become another while the worker runs is read at each use. */
function stackAccess(config: StackConfig): StackAccess {
  const { engineFile, cloudFile, installation, stateFile, directory, ...own } = config
  const state = (): StateAccess =>
    stateAccess(own, stateFile === undefined ? undefined : readStateSetting(stateFile))
  return {
    ...{ settings: { directory, state }, engineFile, installation },
    cloud: () => (cloudFile === undefined ? undefined : readCloudAccess(cloudFile)),
  }
}

/** The worker program: claims operations and carries them out. @param checkpoint for fault tests only */
export async function startWorker(
  env: NodeJS.ProcessEnv,
  checkpoint: Checkpoint = noCheckpoint,
): Promise<void> {
  const config = readWorkerConfig(env)
  const log = createLogger('worker', config.logLevel)
  await awaitDatabase(config.database)
  const orm = await openOrm(config.database)
  const { boss } = await openQueue(config.database, { supervise: true })
  const connections = new Connections(orm.em, config.boxPrivateKey)
  const dependencies: PassDependencies = {
    ...{ em: orm.em, workerId: config.workerId, ring: config.keyRing },
    ...{ connections, checkpoint, log, boxKey: config.boxPrivateKey },
    hasEngine: () => config.stacks !== undefined && readEngineRecord(config.stacks.engineFile) !== undefined,
  }
  const stop = new AbortController()
  if (config.predecessor) await takeOver(boss, dependencies, config.predecessor)
  await startRunner(boss, dependencies, stop.signal)
  if (config.stacks) {
    await startStackOperations(boss, dependencies, stackAccess(config.stacks), stop.signal)
  }
  const endSweep = startSweep(boss, dependencies)
  const endMeasuring = startMeasuring(dependencies)
  const purge = (): Promise<void> =>
    forgetOld(orm.em).catch((error: unknown) => log.error({ err: error }, 'purge failed'))
  await purge()
  const purging = setInterval(() => void purge(), PURGE_MS)
  log.info({ worker: config.workerId }, 'ready')
  process.send?.({ ready: true })

  const end = async (): Promise<void> => {
    stop.abort()
    clearInterval(purging)
    await Promise.all([endSweep(), endMeasuring()])
    await boss.stop({ graceful: true, timeout: STOP_DEADLINE_MS })
    connections.close()
    await orm.close()
  }
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1)
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ reason: messageOf(error) }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}
