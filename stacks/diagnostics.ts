/** What one resource said in a run that failed. */
export interface Diagnostic {
  /** Its name in the stack. */
  resource: string
  /** Does it stand at Hetzner Cloud, or is it the way there? */
  isCloud: boolean
  /** All of it, without the indentation of the engine. */
  text: string
}

/** The last of them: the engine's SDK repeats what the engine said. */
export function diagnosticsOf(text: string): Diagnostic[] {
  const [, ...lines] = text.slice(Math.max(0, text.lastIndexOf('Diagnostics:\n'))).split('\n')
  const found: { resource: string; isCloud: boolean; lines: string[] }[] = []
  for (const line of lines) {
    if (/^\S/.test(line)) break
    const [, type, resource] = /^ {2}(\S+) \((.+)\):$/.exec(line) ?? []
    if (type && resource) found.push({ resource, isCloud: CLOUD.test(type), lines: [] })
    else found.at(-1)?.lines.push(line.trim())
  }
  return found.map(({ lines: own, ...diagnostic }) => ({ ...diagnostic, text: own.join('\n') }))
}

const CLOUD = /^(hcloud|pulumi:providers:hcloud$)/

/** The errors that resources reported, without the engine's frame around them. */
export const errorsIn = (text: string): string[] =>
  unique(
    text
      .split('\n')
      .map((line) => /^\s*error: (?:\w+ failed: )?(.+)$/.exec(line)?.[1]?.trim() ?? '')
      .filter((line) => !/^(update failed|preview failed|resource .* failed)/.test(line)),
  )

/** What the provider of Hetzner Cloud and its two libraries put around what Hetzner said. */
const FRAME = [
  /^error:\s+/,
  /^warning: .*$/,
  /^sdk-v2\/\S+ sdk\.helper_schema: /,
  /: provider=hcloud@\S+$/,
  /^\[(ERROR|AttributeName.*?)\] /,
  /^API request failed: /,
  /^An unexpected error was encountered during an API request\.$/,
  /^(Error code|Status code): .*$/,
  /^: API request failed$/,
  /^\* /,
  /^(creating|updating|deleting) urn:\S+ /,
  /^\d+ errors? occurred:$/,
  // The engine's way out of its protection is none of this service.
  / ?To unprotect the resource, .*$/,
  /^`pulumi state unprotect .*$/,
  // By this Hetzner's support finds the call; no two are the same.
  /(?<=\([a-z_]+), \w+(?=\))/,
  /(?<=\(invalid_input\)): \[.*\]$/,
]

/** What Hetzner said, or the engine for its sake, as one line. */
export function cloudWords({ text }: Diagnostic): string {
  const lines = unique(text.split('\n').map(unframed))
  const coded = lines.filter((line) => /\([a-z_]+\)$/.test(line))
  return (coded.length > 0 ? coded : lines).join(' ')
}

const unframed = (line: string): string =>
  FRAME.reduce((rest, frame) => rest.replace(frame, ''), line).replace(/resource "urn:[^"]+"/, 'it')

const unique = (lines: string[]): string[] => [...new Set(lines.filter((line) => line !== ''))]
