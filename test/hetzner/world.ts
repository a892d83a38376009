import type { Action, Actions } from './actions.ts'
import type { Addresses } from './addresses.ts'
import type { ServerMachines } from './machines.ts'
import type { Named } from './records.ts'
import type { Reply } from './router.ts'
import type { Store, Table } from './store.ts'

/** What the routes work with. */
export interface World {
  store: Store
  actions: Actions
  addresses: Addresses
  machines: ServerMachines | undefined
}

/** A row as an action names it. */
export const resourceOf = <Row extends Named>(table: Table<Row>, { id }: { id: number }) => ({
  id,
  type: table.noun,
})

/** The answer to a call that started an action. */
export const started = ({ actions }: World, action: Action, status = 201): Reply => ({
  status,
  body: { action: actions.view(action) },
})
