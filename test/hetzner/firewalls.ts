import { z } from 'zod'
import type { Action } from './actions.ts'
import { changing, reading } from './collection.ts'
import { ApiError } from './errors.ts'
import { labels, name, nothing, renaming } from './fields.ts'
import { rules } from './firewall-rules.ts'
import { refuseApplying, target, targetView, without } from './firewall-targets.ts'
import type { FirewallRecord, FirewallTarget } from './records.ts'
import { type Reply, type Route, route } from './router.ts'
import { resourceOf, type World } from './world.ts'

const creating = z.strictObject({
  name,
  labels: labels.optional(),
  rules: rules.optional(),
  apply_to: z.array(target).optional(),
})
const applying = z.strictObject({ apply_to: z.array(target) })
const removing = z.strictObject({ remove_from: z.array(target) })

/** A selector without the servers that it happened to match. */
const bare = (one: z.infer<typeof target>): FirewallTarget =>
  one.type === 'server' ? one : { type: one.type, label_selector: one.label_selector }

/** Applied under way counts as applied, and removed under way as removed; a failed action brings back what was. */
export function firewallRoutes(world: World): Route[] {
  const { store, actions } = world
  const table = store.firewalls
  const view = ({ id, name, labels, created, rules: held, targets }: FirewallRecord): object => ({
    id,
    name,
    labels,
    created,
    rules: held,
    applied_to: targets.map((one) => targetView(store, one)),
  })
  const firewalls = { table, many: 'firewalls', view }
  const answer = (list: Action[], more: object = {}): Reply => ({
    status: 201,
    body: { ...more, actions: list.map((action) => actions.view(action)) },
  })
  const run = (
    command: string,
    firewall: FirewallRecord,
    undo: () => void = () => {},
    about?: FirewallTarget,
  ): Action => {
    const own = resourceOf(table, firewall)
    const resources = about?.type === 'server' ? [own, resourceOf(store.servers, about.server)] : [own]
    return actions.run({ command, resources, undo })
  }
  const apply = (firewall: FirewallRecord, added: FirewallTarget[]): Action[] => {
    firewall.targets = [...firewall.targets, ...added]
    return added.map((one) => {
      const undo = (): void => {
        firewall.targets = firewall.targets.filter((other) => other !== one)
      }
      return run('apply_firewall', firewall, undo, one)
    })
  }
  const remove = (firewall: FirewallRecord, removed: FirewallTarget[]): Action[] => {
    firewall.targets = without(store, firewall, removed)
    return removed.map((one) => {
      const undo = (): void => {
        firewall.targets = [...firewall.targets, one]
      }
      return run('remove_firewall', firewall, undo, one)
    })
  }
  return [
    ...reading(firewalls),
    changing(firewalls, renaming),
    route('POST', '/firewalls', creating, ({ body }) => {
      const targets = (body.apply_to ?? []).map(bare)
      table.refuseTaken(body.name)
      refuseApplying(store, [], targets, 422)
      const firewall = table.add({ ...store.named(body), rules: body.rules ?? [], targets: [] })
      const list = [run('set_firewall_rules', firewall), ...apply(firewall, targets)]
      return answer(list, { firewall: view(firewall) })
    }),
    route('DELETE', '/firewalls/:id', nothing, ({ id }) => {
      const firewall = table.need(id)
      if (firewall.targets.length > 0) {
        throw new ApiError('resource_in_use', `firewall ${firewall.name} is still applied`)
      }
      table.delete(id)
      return { status: 204 }
    }),
    route('POST', '/firewalls/:id/actions/set_rules', z.strictObject({ rules }), ({ id, body }) => {
      const firewall = table.need(id)
      const before = firewall.rules
      firewall.rules = body.rules
      const undo = (): void => {
        firewall.rules = before
      }
      return answer([run('set_firewall_rules', firewall, undo)])
    }),
    route('POST', '/firewalls/:id/actions/apply_to_resources', applying, ({ id, body }) => {
      const firewall = table.need(id)
      const added = body.apply_to.map(bare)
      refuseApplying(store, firewall.targets, added, 404)
      return answer(apply(firewall, added))
    }),
    route('POST', '/firewalls/:id/actions/remove_from_resources', removing, ({ id, body }) => {
      const firewall = table.need(id)
      return answer(remove(firewall, body.remove_from.map(bare)))
    }),
  ]
}
