import { defineEntity, p } from '@mikro-orm/core'
import { Host } from './host.ts'

/** A machine that the boot helper keeps as wanted on this computer. */
const LocalMachineSchema = defineEntity({
  name: 'LocalMachine',
  properties: {
    host: () => p.oneToOne(Host).primary(),
    machineName: p.text().unique(),
    wanted: p.text().$type<'running' | 'stopped' | 'removed'>(),
    observed: p.text().$type<'absent' | 'running' | 'stopped' | 'failed'>().default('absent'),
    /** What the helper is doing or why it failed, in words. */
    detail: p.text().nullable(),
    observedAt: p.datetime().nullable(),
  },
})

export class LocalMachine extends LocalMachineSchema.class {}
LocalMachineSchema.setClass(LocalMachine)
