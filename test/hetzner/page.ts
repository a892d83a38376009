const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** What the emulator holds, for people. */
export function page(holdings: Record<string, string[]>): string {
  const kinds = Object.entries(holdings).map(
    ([kind, names]) =>
      `<h2>${kind}</h2><ul>${names.map((name) => `<li>${escaped(name)}</li>`).join('')}</ul>`,
  )
  return `<!doctype html><meta charset="utf-8"><title>Hetzner emulator</title><h1>Hetzner emulator</h1>
${kinds.join('\n') || '<p>It holds nothing.</p>'}
`
}
