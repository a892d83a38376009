import { defineEntity, type EntityManager, p } from '@mikro-orm/postgresql'

/** The revision of a host's document; the database itself raises it whenever what the document says changes. */
const HostRevisionSchema = defineEntity({
  name: 'HostRevision',
  properties: {
    hostId: p.text().primary(),
    revision: p.integer(),
  },
})

export class HostRevision extends HostRevisionSchema.class {}
HostRevisionSchema.setClass(HostRevision)

/** 0 of a host that nothing has changed yet. */
export async function readRevision(em: EntityManager, hostId: string): Promise<number> {
  return (await em.fork().findOne(HostRevision, { hostId }))?.revision ?? 0
}

/** Raises it to beyond this one where it is not yet. */
export async function raiseRevision(em: EntityManager, hostId: string, seen: number): Promise<void> {
  const where = { hostId, revision: { $lte: seen } }
  await em.fork().nativeUpdate(HostRevision, where, { revision: seen + 1 })
}
