import { startWorker } from './worker-process.ts'

await startWorker(process.env)
