import { defineEntity, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import { Account } from './account.ts'

/** One client or product of an account: the trust boundary. */
const ProjectSchema = defineEntity({
  name: 'Project',
  uniques: [{ properties: ['account', 'name'] }],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('prj')),
    account: () => p.manyToOne(Account),
    name: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class Project extends ProjectSchema.class {}
ProjectSchema.setClass(Project)
