import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type EnginePlace, findEngine, readEngineRecord } from './engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'dbhost-engine-'))
test.after.always(() => rmSync(folder, { recursive: true }))

/** A folder with programs of these names that print this. */
function place(name: string, says: string, programs = ['pulumi', 'pulumi-language-nodejs']): EnginePlace {
  const bin = join(folder, name)
  mkdirSync(bin)
  for (const program of programs)
    writeFileSync(join(bin, program), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 })
  return { source: 'path', bin, plugins: null }
}

test('the first place with a fitting engine is taken, and the others say why not', async (t) => {
  const places = [
    { source: 'home', bin: join(folder, 'nowhere'), plugins: null } as const,
    place('alone', 'v3.259.0', ['pulumi']),
    place('old', 'v3.181.0'),
    place('next', 'v4.0.0'),
    place('broken', 'no idea'),
    { ...place('fits', 'v3.259.0'), source: 'built', plugins: '/plugins' } as const,
    place('later', 'v3.270.0'),
  ]
  const { engine, refused } = await findEngine(places)
  t.deepEqual(engine, {
    source: 'built',
    bin: join(folder, 'fits'),
    plugins: '/plugins',
    version: '3.259.0',
  })
  t.deepEqual(
    refused.map(({ problem }) => problem),
    [
      'there is no pulumi',
      'pulumi-language-nodejs is missing beside it',
      'its version is 3.181.0; version 3 from 3.206.0 on is needed',
      'its version is 4.0.0; version 3 from 3.206.0 on is needed',
      'pulumi version says "no idea"',
    ],
  )
})

test('where nothing fits there is none', async (t) => {
  t.is((await findEngine([])).engine, undefined)
})

test('a record that is missing or cut off means that none was found yet', (t) => {
  const file = join(folder, 'engine.json')
  t.is(readEngineRecord(file), undefined)
  writeFileSync(file, '{"source": "bu')
  t.is(readEngineRecord(file), undefined)
})
