/** The program of `pulumi up` by hand: the host's document comes from the control plane, or from a file. */
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import * as pulumi from '@pulumi/pulumi'
import { type HostDocument, parseDocument } from './document.ts'
import { hostStack } from './host-stack.ts'

const API_DEADLINE_MS = 15_000

async function readDocument(stack: string): Promise<HostDocument> {
  const { DBHOST_DOCUMENT, DBHOST_API_URL, DBHOST_API_KEY } = process.env
  if (DBHOST_DOCUMENT) return parseDocument(readFileSync(DBHOST_DOCUMENT, 'utf8'))
  if (!DBHOST_API_URL || !DBHOST_API_KEY) {
    throw new Error(
      'Set DBHOST_API_URL and DBHOST_API_KEY (an operator key), or DBHOST_DOCUMENT to the file of a host document; npm run stack -- sets them for you.',
    )
  }
  const path = `/api/v1/hosts/${encodeURIComponent(stack)}/document${pulumi.runtime.isDryRun() ? '' : whoRuns()}`
  const response = await fetch(new URL(path, DBHOST_API_URL), {
    headers: { authorization: `Bearer ${DBHOST_API_KEY}` },
    signal: AbortSignal.timeout(API_DEADLINE_MS),
  })
  const text = await response.text()
  if (response.ok) return parseDocument(text)
  throw new Error(`The control plane gives no document of ${stack}: ${response.status} ${text}`)
}

/** A change is announced, a preview is nobody's business. */
const whoRuns = (): string => `?by=${encodeURIComponent(`${userInfo().username}@${hostname()}`)}`

/** Of a bought machine. */
function hostKey(): string | undefined {
  const file = process.env.DBHOST_HOST_KEY_FILE
  return file ? readFileSync(file, 'utf8') : undefined
}

export default async (): Promise<Record<string, unknown>> =>
  hostStack(await readDocument(pulumi.getStack()), { hostKey: hostKey() })
