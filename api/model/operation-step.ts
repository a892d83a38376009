import { defineEntity, p } from '@mikro-orm/core'
import { Operation } from './operation.ts'

export type StepState = 'waiting' | 'running' | 'done' | 'failed'

const OperationStepSchema = defineEntity({
  name: 'OperationStep',
  properties: {
    operation: () => p.manyToOne(Operation).primary(),
    position: p.integer().primary(),
    name: p.text(),
    state: p.text().$type<StepState>().default('waiting'),
    attempts: p.integer().default(0),
    detail: p.text().nullable(),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
  },
})

export class OperationStep extends OperationStepSchema.class {}
OperationStepSchema.setClass(OperationStep)
