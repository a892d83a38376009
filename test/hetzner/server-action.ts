import type { ZodType } from 'zod'
import type { Action } from './actions.ts'
import type { ServerRecord } from './records.ts'
import { type Route, route } from './router.ts'
import { resourceOf, started, type World } from './world.ts'

/** What a call does once it is known to be allowed. */
export interface ServerOrder {
  work: () => void | Promise<void>
  /** Meanwhile. */
  status?: ServerRecord['status']
}

/** Throws `locked` while an action runs on the server. */
export function unlocked({ store, actions }: World, id: number): ServerRecord {
  const server = store.servers.need(id)
  actions.refuseLocked(resourceOf(store.servers, server))
  return server
}

/** Runs the order as an action that locks the server. */
export function run(
  { store, actions }: World,
  server: ServerRecord,
  command: string,
  { work, status }: ServerOrder,
): Action {
  const resources = [resourceOf(store.servers, server)]
  const before = server.status
  if (status) server.status = status
  const undo = (): void => {
    // What was reached before it failed stays.
    if (server.status === status) server.status = before
  }
  return actions.run({ command, resources, locks: resources, work, undo })
}

/** @param decide throws when it is not allowed, and gives what is done then */
export function serverAction<Body>(
  world: World,
  name: string,
  command: string,
  schema: ZodType<Body>,
  decide: (server: ServerRecord, body: Body) => ServerOrder,
): Route {
  return route('POST', `/servers/:id/actions/${name}`, schema, ({ id, body }) => {
    const server = unlocked(world, id)
    return started(world, run(world, server, command, decide(server, body)))
  })
}
