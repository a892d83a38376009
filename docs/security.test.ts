import { existsSync, globSync, readFileSync } from 'node:fs'
import test from 'ava'

const TEXT = readFileSync('docs/security.md', 'utf8')
const named = new Set([...TEXT.matchAll(/`(test\/walls\/[^`]+)`/g)].map(([, file = '']) => file))
const LEVELS = /(\.(shared|host|start|engine))?\.test\.ts$/

test('each test of a wall is named for users, and each that is named exists', (t) => {
  const files = globSync('test/walls/*.test.ts').toSorted()
  t.true(files.length > 0)
  t.deepEqual(
    files.filter((file) => !named.has(file)),
    [],
  )
  t.deepEqual(
    [...named].filter((file) => !existsSync(file)),
    [],
  )
})

test('each of the 22 walls has its paragraph, and its tests are named there', (t) => {
  const paragraphs = TEXT.split(/^### /m).slice(1)
  const byWall = new Map(paragraphs.map((text) => [/^W(\d+)\b/.exec(text)?.[1], text]))
  for (let wall = 1; wall <= 22; wall++) t.true(byWall.has(String(wall)), `W${wall}`)
  for (const file of named) {
    const wall = String(Number(/w(\d\d)-/.exec(file)?.[1]))
    t.true(byWall.get(wall)?.includes(file), `${file} stands in the paragraph of W${wall}`)
  }
})

test('the title of each test begins with the name of its wall', (t) => {
  for (const file of globSync('test/walls/*.test.ts')) {
    const wall = `W${Number(/w(\d\d)-/.exec(file)?.[1])}`
    t.regex(file, LEVELS)
    const titles = [...readFileSync(file, 'utf8').matchAll(/^\s*test(?:\.serial)?\(\s*['"`]([^'"`]+)/gm)]
    t.true(titles.length > 0, file)
    for (const [, title = ''] of titles) t.true(title.startsWith(`${wall} `), `${file}: ${title}`)
  }
})
