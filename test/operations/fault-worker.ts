/**
 * The worker program with a fault: at the checkpoint that DBHOST_FAULT names it dies as by kill -9, once. A file that
 * DBHOST_FAULT_HOLD names, where given, is awaited there instead.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startWorker } from '../../api/worker-process.ts'

const fault = process.env.DBHOST_FAULT
const hold = process.env.DBHOST_FAULT_HOLD

await startWorker(process.env, async (name) => {
  if (name !== fault) return
  if (!hold) process.kill(process.pid, 'SIGKILL')
  else {
    writeFileSync(`${hold}.reached`, '')
    while (!existsSync(hold)) await sleep(20)
    rmSync(`${hold}.reached`, { force: true })
  }
})
