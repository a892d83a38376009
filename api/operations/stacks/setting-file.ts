import { readFileSync } from 'node:fs'
import type { ZodType } from 'zod'

/**
 * What a file of settings says; undefined where there is no such file.
 * @param mend what to do about one that says something else
 * @throws where it does; what is wrong with it is not quoted, for it may be a secret
 */
export function readSettingFile<T>(file: string, shape: ZodType<T>, mend: string): T | undefined {
  const text = read(file)
  if (text === undefined) return undefined
  const { success, data } = shape.safeParse(parse(text))
  if (!success) throw new Error(`${file} is not what it should be: ${mend}`)
  return data
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
