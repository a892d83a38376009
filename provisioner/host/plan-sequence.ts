import type { HostFacts } from './facts.ts'
import type { HostAction, UnitVerb } from './plan.ts'
import type { Effect, HostModule, ManagedStep, ManagedUnit } from './resources.ts'

/**
 * The steps and units that have to act: because a file before them changes, because an earlier converge owes it,
 * or because they were not seen to be as wanted.
 */
export function sequenceActions(
  modules: readonly HostModule[],
  facts: HostFacts,
  before: readonly HostAction[],
): HostAction[] {
  const changed = before.flatMap((action) => (action.kind === 'file' ? action.file.effects : []))
  const due = new Set<string>([...facts.pending, ...changed])
  if ([...facts.units.values()].some((unit) => unit.stale)) due.add('run:systemd')
  return modules.flatMap(({ name, sequence }) =>
    sequence.flatMap((item) =>
      item.kind === 'step' ? stepActions(name, item, facts, due) : unitActions(name, item, facts, due),
    ),
  )
}

function stepActions(
  module: string,
  step: ManagedStep,
  facts: HostFacts,
  due: ReadonlySet<string>,
): HostAction[] {
  const id: Effect = `run:${step.name}`
  const answer = facts.probes.get(step.name) ?? 'unknown'
  const differs = step.probe !== undefined && answer !== step.probe.wanted
  if (!differs && !due.has(id)) return []
  const why = differs ? reason(answer) : 'its files changed'
  return [{ id, module, title: `${step.title} (${why})`, kind: 'step', step }]
}

/** Digests tell a reader nothing. */
const reason = (answer: string): string =>
  /^[0-9a-f]{16}$/.test(answer) ? 'its recipe changed' : `was ${answer}`

function unitActions(
  module: string,
  unit: ManagedUnit,
  facts: HostFacts,
  due: ReadonlySet<string>,
): HostAction[] {
  const found = facts.units.get(unit.name)
  const act = (verb: UnitVerb, why: string): HostAction => ({
    id: `${verb}:${unit.name}`,
    module,
    title: `${verb} unit ${unit.name} (${why})`,
    kind: 'unit',
    unit,
    verb,
  })
  const runs = found?.state === 'active' || found?.state === 'reloading'
  const verb = dueVerb(unit, due)
  return [
    ...(found?.enabled ? [] : [act('enable', found?.loaded ? 'was disabled' : 'was missing')]),
    ...(runs ? [] : [act('start', `was ${found?.state ?? 'missing'}`)]),
    ...(runs && verb ? [act(verb, 'its files changed')] : []),
  ]
}

function dueVerb({ name }: ManagedUnit, due: ReadonlySet<string>): 'restart' | 'reload' | undefined {
  if (due.has(`restart:${name}`)) return 'restart'
  return due.has(`reload:${name}`) ? 'reload' : undefined
}
