import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Operation } from '../api/model/operation.ts'
import { OperationStep } from '../api/model/operation-step.ts'

const LOOK_MS = 300
/** A step that goes on says how far it is this often. */
const DETAIL_MS = 2000
const LONGEST_DETAIL = 90

/** Says how an operation's steps go on until it ends. @returns the operation as it ended */
export async function followOperation(
  em: EntityManager,
  id: string,
  say: (text: string) => void,
): Promise<Operation> {
  const said = new Map<string, { line: string; state: string; at: number }>()
  for (;;) {
    const look = em.fork()
    const operation = await look.findOneOrFail(Operation, { id }, { populate: ['host'] })
    const steps = await look.find(OperationStep, { operation: id }, { orderBy: { position: 'asc' } })
    for (const { name, state, detail } of steps) {
      const line = `${operation.host.name}: ${name} ${state}${detail ? `, ${shortened(detail)}` : ''}`
      const last = said.get(name)
      const tooSoon = last?.state === state && Date.now() - last.at < DETAIL_MS
      if (state === 'waiting' || line === last?.line || tooSoon) continue
      say(line)
      said.set(name, { line, state, at: Date.now() })
    }
    if (operation.state === 'succeeded' || operation.state === 'failed') return operation
    await sleep(LOOK_MS)
  }
}

const shortened = (detail: string): string =>
  detail.length > LONGEST_DETAIL ? `${detail.slice(0, LONGEST_DETAIL)}…` : detail
