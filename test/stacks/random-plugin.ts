import { globSync, mkdirSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Engine } from '../../stacks/engine.ts'

const RANDOM = 'resource-random-v4.21.2'

/** The program that serves `@pulumi/random` where its published plugin cannot be had. */
export const RANDOM_PROGRAM = join(import.meta.dirname, 'random')

/**
 * Fills a folder with the engine's plugins and ours for `@pulumi/random`: an engine that had to be built has none. The
 * engine looks into real folders only.
 * @returns the folder
 */
export function pluginsWithRandom(
  all: string,
  { plugins }: Pick<Engine, 'plugins'>,
  program = RANDOM_PROGRAM,
): string {
  const add = (name: string, file: string): void => {
    mkdirSync(join(all, name), { recursive: true })
    symlinkSync(file, join(all, name, basename(file)))
  }
  for (const path of plugins === null ? [] : globSync(join(plugins, '*', 'pulumi-resource-*'))) {
    add(basename(dirname(path)), path)
  }
  add(RANDOM, join(program, 'pulumi-resource-random'))
  return all
}
