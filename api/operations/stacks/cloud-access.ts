import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { Secret } from '../../../common/secret.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'

const shape = z.strictObject({ token: z.string().min(1), endpoint: z.url().optional() })

/** The project of Hetzner Cloud that a file names; undefined where there is no such file. @throws on anything else */
export function readCloudAccess(file: string): CloudAccess | undefined {
  const text = read(file)
  if (text === undefined) return undefined
  const { success, data } = shape.safeParse(parse(text))
  // What is wrong with it may be the token.
  if (!success)
    throw new Error(`${file} is not {"token": …, "endpoint": …}: give it anew by HCLOUD_TOKEN=… npm start.`)
  return { token: new Secret(data.token), endpoint: data.endpoint }
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
