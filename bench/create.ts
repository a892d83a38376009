import { randomInt } from 'node:crypto'
import { Database } from '../api/model/database.ts'
import { Instance } from '../api/model/instance.ts'
import type { Service } from '../test/host/service.ts'
import { login } from '../test/login.ts'
import { floor } from './floor.ts'
import { median } from './median.ts'

export interface CreateFigures {
  /** Databases on the host when it was measured. */
  databases: number
  /** Medians in milliseconds, and the ratio of the two. */
  sameAddress: Comparison
  newAddress: Comparison
}

export interface Comparison {
  floorMs: number
  createMs: number
  ratio: number
}

/** One that no rule had before. */
export const newNetwork = (): string => `203.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}/32`

let ordinal = 0
const nextName = (): string => `bench-${(ordinal++).toString(36).padStart(4, '0')}`

/**
 * Milliseconds from POST until a fresh login over verified TLS has its answer.
 * @param extra networks on its allowlist beside our own
 */
export async function create(service: Service, extra: string[]): Promise<number> {
  const own = service.host.spec.controlPlane.map((cidr) => ({ cidr }))
  const allowlist = extra.length > 0 ? { allowlist: [...own, ...extra.map((cidr) => ({ cidr }))] } : {}
  const began = performance.now()
  const { status, body } = await service.request('POST', '/databases', {
    ...{ name: nextName(), host: service.host.name, ...allowlist },
  })
  if (status !== 201) throw new Error(`POST /databases answered ${status}: ${body.detail ?? ''}`)
  await login(body, service.ca)
  return performance.now() - began
}

async function compare(
  service: Service,
  instance: string,
  rounds: number,
  fresh: boolean,
): Promise<Comparison> {
  const floors: number[] = []
  const creates: number[] = []
  for (let round = 0; round < rounds; round++) {
    floors.push(await floor(service, instance, fresh ? [newNetwork()] : []))
    creates.push(await create(service, fresh ? [newNetwork()] : []))
  }
  const [floorMs, createMs] = [median(floors), median(creates)]
  return { floorMs: Math.round(floorMs), createMs: Math.round(createMs), ratio: createMs / floorMs }
}

/** Compares creates with the floor, in turns, so that both meet the same machine. */
export async function measureCreates(service: Service, rounds: number): Promise<CreateFigures> {
  const instance = await service.orm.em.fork().findOneOrFail(Instance, { host: service.host.id })
  const databases = await service.orm.em.fork().count(Database, { deletedAt: null })
  await create(service, [])
  return {
    databases,
    sameAddress: await compare(service, instance.name, rounds, false),
    newAddress: await compare(service, instance.name, rounds, true),
  }
}

/** Creates databases, 20 at once, until the host has this many. */
export async function growTo(service: Service, wanted: number): Promise<void> {
  for (;;) {
    const have = await service.orm.em.fork().count(Database, { deletedAt: null })
    if (have >= wanted) return
    const batch = Array.from({ length: Math.min(20, wanted - have) }, () => create(service, []))
    await Promise.all(batch)
  }
}
