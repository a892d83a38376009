import { readdirSync, readFileSync } from 'node:fs'

const TEMPLATES = new URL('../templates/', import.meta.url)

/** Several lines for one placeholder, which must stand alone on its line; its indentation is repeated. */
export class Block {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    this.lines = lines
  }
}

export type TemplateValues = Readonly<Record<string, string | number | Block>>

/** The text of a file below templates/, as it is. */
export const templateText = (name: string): string => readFileSync(new URL(name, TEMPLATES), 'utf8')

/** The names of the files in a folder below templates/, in a fixed order. */
export const templateNames = (folder: string): string[] =>
  readdirSync(new URL(`${folder}/`, TEMPLATES), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted()

/** A file below templates/ with its placeholders filled in. @throws as `render` does */
export const template = (name: string, values: TemplateValues = {}): string => {
  try {
    return render(templateText(name), values)
  } catch (error) {
    throw new Error(`template ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/**
 * Fills in each `{{name}}` of a text.
 * @throws where a placeholder has no value, a value no placeholder, or a value a control character
 */
export function render(text: string, values: TemplateValues): string {
  const unused = new Set(Object.keys(values))
  const take = (name: string): string | number | Block => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new Error(`placeholder {{${name}}} has no value`)
    unused.delete(name)
    return value
  }
  const filled = text.split('\n').flatMap((line) => renderLine(line, take))
  if (unused.size > 0) throw new Error(`no placeholder for ${[...unused].join(', ')}`)
  return filled.join('\n')
}

function renderLine(line: string, take: (name: string) => string | number | Block): string[] {
  const alone = /^(\s*)\{\{(\w+)\}\}$/.exec(line)
  const value = alone?.[2] === undefined ? undefined : take(alone[2])
  if (value instanceof Block) return value.lines.map((text) => (alone?.[1] ?? '') + oneLine(text))
  const rendered = line.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const part = take(name)
    if (part instanceof Block) throw new Error(`several lines for {{${name}}}, which does not stand alone`)
    return oneLine(part)
  })
  return [rendered]
}

function oneLine(value: string | number): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('a value is not a finite number')
  const text = String(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not pass
  if (/[\u0000-\u0008\u000a-\u001f\u007f\u0085\u2028\u2029]/.test(text)) {
    throw new Error('a value holds a control character')
  }
  return text
}
