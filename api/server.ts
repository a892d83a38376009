import { once } from 'node:events'
import { messageOf } from '../common/errors.ts'
import { createLogger } from '../common/log.ts'
import { createApp } from './app.ts'
import { readServerConfig } from './config.ts'
import { createHttpServer } from './middleware/http-server.ts'
import { awaitDatabase } from './model/await-database.ts'
import { openOrm } from './model/orm.ts'
import { OperationWaiter } from './services/operation-waiter.ts'
import { openQueue } from './services/queue.ts'

const config = readServerConfig(process.env)
const log = createLogger('server', config.logLevel)
await awaitDatabase(config.database)
const orm = await openOrm(config.database, 20)
const onError = (error: Error): void => log.warn({ err: error }, 'queue')
const queue = await openQueue(config.database, { supervise: false, onError })
const waiter = new OperationWaiter(config.database, orm.em, log)
await waiter.open()

const app = createApp({
  ...{ em: orm.em, queue, waiter, log },
  ...{ keyRing: config.keyRing, boxPublicKey: config.boxPublicKey, publicOrigin: config.publicOrigin },
})
const server = createHttpServer()
server.on('request', app.callback())
server.listen(config.listen.port, config.listen.host)
await once(server, 'listening')
log.info({ listen: config.listen }, 'ready')
process.send?.({ ready: true })

/** The first signal lets requests end, a second one does not. */
async function stop(): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  await waiter.close()
  await closed
  await queue.close()
  await orm.close()
}

let stopping = false
const onSignal = (): void => {
  if (stopping) process.exit(1)
  stopping = true
  stop().then(
    () => process.exit(0),
    (error: unknown) => {
      log.error({ reason: messageOf(error) }, 'did not stop cleanly')
      process.exit(1)
    },
  )
}
process.on('SIGTERM', onSignal)
process.on('SIGINT', onSignal)
