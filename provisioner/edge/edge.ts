import { byText } from '../../common/order.ts'
import { type ApplyReport, applyHost } from '../host/apply.ts'
import { readHostFacts } from '../host/facts.ts'
import { planHost } from '../host/plan.ts'
import type { HostModule } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { locked, script, sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { differingFiles, type EdgeState, observedState } from './state.ts'

/** A file that somebody made huge is shown by its beginning, in bytes. */
const LONGEST_CONTENT = 256 * 1024

/** Reads one part of the edge; changes nothing. @throws HostError */
export async function readEdge(connection: HostConnection, module: HostModule): Promise<EdgeState> {
  const facts = await readHostFacts(connection, { modules: [module] })
  const contents = new Map<string, string>()
  for (const path of differingFiles(module, facts)) {
    contents.set(path, await connection.run(sh`head -c ${LONGEST_CONTENT} ${path}`))
  }
  const explained = new Map<string, string>()
  for (const item of module.sequence) {
    if (item.kind !== 'step' || !item.probe?.explain) continue
    const answer = facts.probes.get(item.name)
    if (answer === item.probe.wanted || answer === undefined) continue
    explained.set(item.name, (await connection.run(sh`${item.probe.explain}`)).trim())
  }
  return observedState(module, facts, contents, explained)
}

/** Makes one part of the edge what it must be. @throws HostError */
export async function applyEdge(
  connection: HostConnection,
  module: HostModule,
  report: ApplyReport,
): Promise<void> {
  const wanted = { modules: [module] }
  await applyHost(connection, planHost(wanted, await readHostFacts(connection, wanted)), report)
}

/** Takes one part of the edge away: its units, what its steps brought about, its files. Packages and scripts stay. */
export async function removeEdge(connection: HostConnection, module: HostModule): Promise<void> {
  const units = module.sequence.flatMap((item) => (item.kind === 'unit' ? [item.name] : []))
  const files = module.files.filter(({ early }) => !early).map(({ path }) => path)
  const undo = (module.undo ?? []).map((command) => sh`${command}`.text)
  const text = [
    ...units.toReversed().map((name) => sh`systemctl disable --now --quiet ${name} || true`.text),
    ...undo,
    sh`rm -f -- ${files}`.text,
    'systemctl daemon-reload',
  ].join('\n')
  await connection.run(locked(script(`remove ${module.name}`, text)))
}

/** The allowlist as the host keeps it, sorted. */
export async function readAllowed(connection: HostConnection): Promise<string[]> {
  const text = await connection.run(sh`cat ${LAYOUT.allowSets} 2>/dev/null || true`)
  const found = text.matchAll(/^add element inet dbhost pg_allow[46] \{ (\S+) \}$/gm)
  return Array.from(found, ([, cidr = '']) => cidr).toSorted(byText)
}
