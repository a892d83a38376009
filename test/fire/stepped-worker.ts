/**
 * The worker program whose parent decides: it is loaded and waits until it is told to begin, and at each checkpoint it
 * says over the channel where it is and waits until it is told to go on. The parent may kill it meanwhile.
 */
import { once } from 'node:events'
import { startWorker } from '../../api/worker-process.ts'

process.on('disconnect', () => process.exit(1))
const [identity] = (await once(process, 'message')) as [Record<string, string>]
await startWorker({ ...process.env, ...identity }, async (at) => {
  const told = once(process, 'message')
  process.send?.({ at })
  await told
})
