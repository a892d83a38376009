/**
 * The worker program with faults, put in the place of `api/worker.ts` in the copy of the repository that a test runs.
 * A file that is named like a checkpoint in the folder `faults` beside the database's socket folder makes the worker
 * die there as by kill -9, once; where the file says `hold`, the worker waits there until the file is gone.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startWorker } from '../../api/worker-process.ts'

const faults = join(dirname(process.env.DBHOST_DATABASE_HOST ?? ''), 'faults')

await startWorker(process.env, async (name) => {
  const file = join(faults, name)
  if (!existsSync(file)) return
  if (readFileSync(file, 'utf8') !== 'hold') {
    rmSync(file)
    process.kill(process.pid, 'SIGKILL')
  }
  writeFileSync(`${file}.reached`, '')
  while (existsSync(file)) await sleep(20)
})
